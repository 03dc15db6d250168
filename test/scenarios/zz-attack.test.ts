import { it } from 'vitest'
import { MINUTE, SECOND } from '../../src/kit/instant.ts'
import { faults, fleet, group, runbook } from './documents.ts'
import { done } from './sends.ts'
import { Stage } from './stage.ts'
import { given } from './given.ts'
import { checkAll } from '../checkers/all.ts'
import { gather } from '../checkers/gather.ts'
const sum = (then: any) => { const m: any = {}; for (const n of then.all()) { const k = `${n.outcome}: ${n.reason}`; m[k] = (m[k] ?? 0) + 1 } return JSON.stringify(m) }
const WEB = { name: 'web', port: 8080, drainMs: 90 * SECOND }
const SERVED = { targetGroups: [WEB], autoScaling: { name: 'web', min: 0, max: null }, dataVolumes: 1, stopped: 0.2 }
const HOOKS = '{ beforeNode: { script: /opt/a, timeout: 2m }, afterNode: { script: /opt/b, timeout: 2m }, onExit: { script: /opt/c, timeout: 2m } }'
const WAVES = '[{ name: all, take: rest, concurrency: 50%, gate: { failures: 10%, bake: 1m, checks: [smoke] } }]'
const ALL = { waves: WAVES, hooks: HOOKS, drain: '{}', backup: '{ method: snapshot }', power: '{ stopped: start-and-restore }' }
it.each([1, 2, 3, 4, 5, 6, 7, 8])('heavy api faults %i', async (seed) => {
  const f = [`api: { throttled: ${5 * seed}%, failedAfterEffect: ${4 * seed}%, latency: { median: 200ms, p95: 3s } }`, seed % 2 ? "packages: [{ match: 'openssl*', breaks: health, share: 40% }]" : '', seed % 3 === 0 ? 'replace: { share: 100%, after: 2m }' : ''].join('\n')
  const then = await given({ ...fleet([group('prod-us', 10, SERVED)]), seed }).faults(f).runbook({ ...ALL, ...(seed % 2 ? { rollback: `{ method: ${seed % 4 === 1 ? 'root-volume' : 'packages'} }` } : {}) }).when().runs()
  console.log(seed, sum(then), then.facts('RunFinished')[0]?.outcome, then.facts('RunFinished')[0]?.reason)
  const found = checkAll(await gather(then.stage, { calm: false, powerLosses: true }))
  if (found.length) console.log('FOUND', seed, found.slice(0, 6))
})
it.each([1, 2, 3])('two runs, one drains %i', async (seed) => {
  const then = await given({ ...fleet([group('prod-us', 8, { ...SERVED, clusterSize: 4 })]), seed })
    .runbook({ ...ALL, disruption: '[{ per: "tag:Cluster", atMost: 1 }]' }).runbook({ waves: WAVES }).when().runs({ now: true })
  for (const run of await then.stage.runs()) console.log(seed, run)
  console.log(seed, sum(then), then.facts('RunFinished')[0]?.reason)
  const found = checkAll(await gather(then.stage, { calm: true }))
  if (found.length) console.log('FOUND', seed, found.slice(0, 6))
})
it('group deleted after drain', async () => {
  const stage = new Stage({ fleet: fleet([group('prod-us', 3, { targetGroups: [WEB, { name: 'other', port: 90, drainMs: 30 * SECOND }] })]) })
  const process = await stage.start()
  const balancers: any = { ...process.world.balancers }
  let gone = false
  const { PatchwaveError } = await import('../../src/kit/error.ts')
  for (const name of ['health', 'register', 'drainSeconds', 'deregister']) {
    const inner = balancers[name]
    balancers[name] = (cell: any, what: any, ...rest: any[]) => {
      const groups = what.map((one: any) => one.group ?? one)
      if (gone && groups.some((g: string) => g.includes('/other/'))) return Promise.reject(new PatchwaveError('aws.missing', 'TargetGroupNotFound', { hint: 'x' }))
      if (name === 'deregister') gone = true
      return inner(cell, what, ...rest)
    }
  }
  const then = await done(stage, { ...process, world: { ...process.world, balancers } }, runbook('g', { waves: WAVES, drain: '{}' }))
  console.log('deleted', sum(then), then.facts('RunFinished')[0]?.reason, (then.facts('RunFinished')[0]?.at ?? 0) - (then.facts('WaveStarted')[0]?.at ?? 0), MINUTE, stage.warnings.slice(0, 5), faults.name)
})
