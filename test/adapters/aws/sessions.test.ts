import { describe, expect, it } from 'vitest'
import { MINUTE, plus } from '../../../src/kit/instant.ts'
import { all, assumedXml, callerXml, control, prod, refusal, signal, start, wire, type Answer, type Asked } from './wire.ts'

const HOUR_MS = 60 * MINUTE

/** STS that numbers its sessions, each an hour long by the clock; SSM answers by `ssm`. */
function sts(now: () => number, ssm: (asked: Asked) => Answer = () => ({ json: {} })) {
  let made = 0
  return (asked: Asked): Answer => {
    if (asked.name === 'sts.GetCallerIdentity') return { xml: callerXml(control.account) }
    if (asked.name === 'sts.AssumeRole') return { xml: assumedXml(`ASIA${String(++made)}`, new Date(now() + HOUR_MS)) }
    return ssm(asked)
  }
}

function world(ssm?: (asked: Asked) => Answer) {
  const made: ReturnType<typeof wire> = wire((asked) => reply(asked))
  const reply = sts(() => made.clock.now(), ssm)
  const sweep = (cell = prod): Promise<unknown> => all(made.aws.commands.sweep(cell, start, signal))
  const keys = (): string[] => made.asked.filter(({ name }) => name === 'ssm.ListCommands').map(({ accessKey }) => accessKey)
  return { ...made, sweep, keys }
}

describe('credentials', () => {
  it('enters another account by its role, with name and external id', async () => {
    const { clock, sweep, asked, keys } = world()
    await clock.run(() => sweep())
    const assume = asked.find(({ name }) => name === 'sts.AssumeRole')
    expect(Object.fromEntries(assume?.form ?? [])).toMatchObject({
      RoleArn: 'arn:aws:iam::222222222222:role/Patchwave',
      RoleSessionName: 'patchwave-run-1',
      ExternalId: 'pw-1',
      DurationSeconds: '3600',
    })
    expect(assume).toMatchObject({ region: 'us-east-1', accessKey: 'AKIABASE' })
    expect(keys()).toEqual(['ASIA1'])
  })

  it('asks for one session however many calls wait for it', async () => {
    const { clock, sweep, names } = world()
    await clock.run(() => Promise.all(Array.from({ length: 8 }, () => sweep())))
    expect(names().filter((name) => name === 'sts.AssumeRole')).toHaveLength(1)
    expect(names().filter((name) => name === 'sts.GetCallerIdentity')).toHaveLength(1)
  })

  it('uses its own for its own account', async () => {
    const { clock, sweep, names, keys } = world()
    await clock.run(() => sweep(control))
    expect(names()).toEqual(['ssm.ListCommands'])
    expect(keys()).toEqual(['AKIABASE'])
  })

  it.each([
    ['one without a role', [{ id: prod.account, role: null, externalId: null }], prod],
    ['its own, although a role is named', [{ id: control.account, role: 'arn:aws:iam::1:role/x', externalId: null }], control],
  ])('uses its own for %s', async (_, accounts, cell) => {
    const made = wire(
      sts(() => start),
      { accounts },
    )
    await made.clock.run(() => all(made.aws.commands.sweep(cell, start, signal)))
    expect(made.names()).not.toContain('sts.AssumeRole')
    expect(made.asked.at(-1)?.accessKey).toBe('AKIABASE')
  })

  it('does not enter an account without a role once AWS has said that its own credentials are of another one', async () => {
    const { clock, aws, names } = wire(
      sts(() => start),
      { accounts: [{ id: prod.account, role: null, externalId: null }] },
    )
    const entered = clock.run(async () => {
      await aws.identity.caller(signal)
      await all(aws.commands.sweep(control, start, signal))
      await all(aws.commands.sweep(prod, start, signal))
    })
    await expect(entered).rejects.toMatchObject({ code: 'config.invalid', more: { detail: { account: prod.account } } })
    expect(names()).toEqual(['sts.GetCallerIdentity', 'ssm.ListCommands'])
  })

  it('knows no account beside the config', async () => {
    const { clock, sweep, asked } = world()
    const unknown = clock.run(() => sweep({ account: '999999999999', region: 'us-east-1' }))
    await expect(unknown).rejects.toMatchObject({ code: 'config.invalid' })
    expect(asked).toEqual([])
  })

  // prettier-ignore
  it.each([
    ['keeps a session that has more than five minutes', 54 * MINUTE, ['ASIA1', 'ASIA1']],
    ['renews it five minutes before its end',           55 * MINUTE, ['ASIA1', 'ASIA2']],
    ['renews it after its end',                         90 * MINUTE, ['ASIA1', 'ASIA2']],
  ])('%s', async (_, ms, expected) => {
    const { clock, sweep, keys } = world()
    await clock.run(async () => {
      await sweep()
      await clock.sleep(plus(start, ms))
      await sweep()
    })
    expect(keys()).toEqual(expected)
  })

  it('renews once when AWS calls a session expired, also for what is sent once', async () => {
    const { clock, aws, asked } = world(({ accessKey }) =>
      accessKey === 'ASIA1' ? refusal('ExpiredTokenException') : { json: { Command: { CommandId: 'c' } } },
    )
    const order = {
      cell: prod,
      token: 't',
      document: { name: 'Patchwave-Scan', hash: 'x' },
      nodes: ['i-12345678'],
      parameters: {},
      startBefore: plus(start, HOUR_MS),
      executionSeconds: 60,
    }
    await clock.run(() => aws.commands.send(order, signal))
    expect(asked.filter(({ name }) => name === 'ssm.SendCommand').map(({ accessKey }) => accessKey)).toEqual(['ASIA1', 'ASIA2'])
  })

  it('one call that is denied does not cost the account its session when no other one is to be had', async () => {
    let made = 0
    const closed: ReturnType<typeof wire> = wire((asked) => {
      if (asked.name === 'sts.GetCallerIdentity') return { xml: callerXml(control.account) }
      if (asked.name !== 'sts.AssumeRole') return asked.name === 'ssm.CancelCommand' ? refusal('AccessDeniedException') : { json: {} }
      made += 1
      if (made === 1) return { xml: assumedXml('ASIA1', new Date(closed.clock.now() + HOUR_MS)) }
      return { status: 403, xml: '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>' }
    })
    await closed.clock.run(async () => {
      await all(closed.aws.commands.sweep(prod, start, signal))
      await closed.clock.sleep(plus(start, 2 * MINUTE))
      await expect(closed.aws.commands.cancel(prod, 'c', ['i-12345678'], signal)).rejects.toMatchObject({ code: 'aws.denied' })
      await all(closed.aws.commands.sweep(prod, start, signal))
    })
    expect(closed.asked.filter(({ name }) => name === 'ssm.ListCommands').map(({ accessKey }) => accessKey)).toEqual(['ASIA1', 'ASIA1'])
    expect(made, 'it was tried, once').toBe(2)
  })

  // prettier-ignore
  it.each([
    ['one that has lived for a minute is made anew, for what is sent once too', MINUTE,     ['ASIA1', 'ASIA1', 'ASIA2'], null],
    ['one that was made just now is not: it would be denied again',             MINUTE - 1, ['ASIA1', 'ASIA1'],          'aws.denied'],
  ])('when a session is denied, %s', async (_, ms, expected, code) => {
    let revoked = false
    const { clock, sweep, keys } = world(({ accessKey }) => (revoked && accessKey === 'ASIA1' ? refusal('AccessDeniedException') : { json: {} }))
    await clock.run(async () => {
      await sweep()
      await clock.sleep(plus(start, ms))
      revoked = true
      const again = sweep()
      if (code === null) await again
      else await expect(again).rejects.toMatchObject({ code })
    })
    expect(keys()).toEqual(expected)
  })

  it('asks for no session after session where the call itself is denied', async () => {
    const { clock, sweep, keys, names } = world(() => refusal('AccessDeniedException'))
    await clock.run(async () => {
      for (let tried = 0; tried < 30; tried++) {
        await expect(sweep()).rejects.toMatchObject({ code: 'aws.denied' })
        await clock.sleep(plus(clock.now(), 5_000))
      }
    })
    expect(names().filter((name) => name === 'sts.AssumeRole').length).toBeLessThanOrEqual(3)
    expect(keys().length).toBeLessThanOrEqual(32)
  })

  it('says so when they stay expired', async () => {
    const { clock, sweep, keys } = world(() => refusal('ExpiredTokenException'))
    await expect(clock.run(() => sweep())).rejects.toMatchObject({ code: 'aws.expired' })
    expect(keys()).toHaveLength(2)
  })

  it('goes on with a session that cannot be renewed yet', async () => {
    let down = false
    const made: ReturnType<typeof wire> = wire((asked) => {
      if (asked.name === 'sts.AssumeRole' && down) return { status: 403, xml: denied }
      return reply(asked)
    })
    const reply = sts(() => made.clock.now())
    const sweep = (): Promise<unknown> => all(made.aws.commands.sweep(prod, start, signal))
    await made.clock.run(async () => {
      await sweep()
      down = true
      await made.clock.sleep(plus(start, 57 * MINUTE))
      await sweep()
      await made.clock.sleep(plus(start, 61 * MINUTE))
      await expect(sweep()).rejects.toMatchObject({ code: 'aws.denied' })
    })
  })
})

const denied =
  '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>'

describe('who we are', () => {
  it.each([
    ['with AWS’s clock', { date: 'Thu, 01 Jan 2026 00:00:07 GMT' }, plus(start, 7_000)],
    ['without', {}, null],
    ['with one that cannot be read', { date: 'soon' }, null],
  ])('is told by STS, %s', async (_, headers, awsNow) => {
    const { clock, aws } = wire(() => ({ xml: callerXml(control.account), headers }))
    const caller = await clock.run(() => aws.identity.caller(signal))
    expect(caller).toEqual({ arn: 'arn:aws:iam::111111111111:user/ann', account: control.account, userId: 'U', awsNow })
  })
})
