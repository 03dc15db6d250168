import {
  CreateDocumentCommand,
  GetCalendarStateCommand,
  GetDocumentCommand,
  SendCommandCommand,
  UpdateDocumentCommand,
  UpdateDocumentDefaultVersionCommand,
  type DocumentFormat,
} from '@aws-sdk/client-ssm'
import { beforeEach, describe, expect, it } from 'vitest'
import { type clientsOf, front, nameOf, STAGING } from './front.ts'

const lines = (...parts: readonly string[]): string => `${parts.join('\r\n')}\r\n`
const calendar = (type: string, ...parts: readonly string[]): string =>
  lines('BEGIN:VCALENDAR', 'PRODID:-//AWS//Change Calendar 1.0//EN', 'VERSION:2.0', `X-CALENDAR-TYPE:${type}`, ...parts, 'END:VCALENDAR')
const event = (...parts: readonly string[]): string => lines('BEGIN:VEVENT', 'UID:1', 'SUMMARY:x', ...parts, 'END:VEVENT').trimEnd()
const EMPTY = lines('BEGIN:VTODO', 'UID:1', 'SUMMARY:Add events to this calendar.', 'END:VTODO').trimEnd()

let ssm: ReturnType<typeof clientsOf>['ssm']
const create = (Name: string, Content: string, DocumentFormat: DocumentFormat = 'TEXT') =>
  ssm.send(new CreateDocumentCommand({ Name, Content, DocumentType: 'ChangeCalendar', DocumentFormat }))
const state = async (names: string[], AtTime?: string): Promise<string> => {
  const {
    State,
    AtTime: at,
    NextTransitionTime,
  } = await ssm.send(new GetCalendarStateCommand({ CalendarNames: names, ...(AtTime !== undefined && { AtTime }) }))
  return `${State ?? ''} ${at ?? ''} ${NextTransitionTime ?? '-'}`
}

beforeEach(() => {
  ssm = front().clients().ssm
})

describe('a Change Calendar', () => {
  const WEEKLY = event('DTSTART;TZID=America/New_York:20260109T180000', 'DTEND;TZID=America/New_York:20260112T060000', 'RRULE:FREQ=WEEKLY')
  // prettier-ignore
  it.each<[it: string, content: string, at: string | undefined, state: string]>([
    ['open, and never closed',             calendar('DEFAULT_OPEN', EMPTY),                                                     undefined,                  'OPEN 2026-01-01T00:00:00Z -'],
    ['closed, and never open',             calendar('DEFAULT_CLOSED', EMPTY),                                                   undefined,                  'CLOSED 2026-01-01T00:00:00Z -'],
    ['open until an event',                calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DTEND:20260103T000000Z')), undefined,                'OPEN 2026-01-01T00:00:00Z 2026-01-02T00:00:00Z'],
    ['closed from its very beginning',     calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DTEND:20260103T000000Z')), '2026-01-02T00:00:00Z',   'CLOSED 2026-01-02T00:00:00Z 2026-01-03T00:00:00Z'],
    ['open at its very end',               calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DTEND:20260103T000000Z')), '2026-01-03T00:00:00Z',   'OPEN 2026-01-03T00:00:00Z -'],
    ['open during an event',               calendar('DEFAULT_CLOSED', event('DTSTART:20260102T000000Z', 'DURATION:PT1H')),      '2026-01-02T00:30:00Z',     'OPEN 2026-01-02T00:30:00Z 2026-01-02T01:00:00Z'],
    ['events that follow each other',      calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DURATION:PT1H'), event('DTSTART:20260102T010000Z', 'DURATION:PT1H')), '2026-01-02T00:30:00Z', 'CLOSED 2026-01-02T00:30:00Z 2026-01-02T02:00:00Z'],
    ['a weekly event in a zone',           calendar('DEFAULT_OPEN', WEEKLY),                                                    '2026-01-12T10:59:59Z',     'CLOSED 2026-01-12T10:59:59Z 2026-01-12T11:00:00Z'],
    ['… after clocks changed',             calendar('DEFAULT_OPEN', WEEKLY),                                                    '2026-07-10T00:00:00Z',     'OPEN 2026-07-10T00:00:00Z 2026-07-10T22:00:00Z'],
    ['an offset in the time asked about',  calendar('DEFAULT_OPEN', WEEKLY),                                                    '2026-01-12T03:30:00-0700', 'CLOSED 2026-01-12T10:30:00Z 2026-01-12T11:00:00Z'],
    ['an exception',                       calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DURATION:PT1H', 'RRULE:FREQ=DAILY;COUNT=3', 'EXDATE:20260103T000000Z')), '2026-01-03T00:30:00Z', 'OPEN 2026-01-03T00:30:00Z 2026-01-04T00:00:00Z'],
    ['an advisory event changes nothing',  calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DURATION:PT1H', 'X-EVENT-TYPE:ADVISORY')), '2026-01-02T00:30:00Z', 'OPEN 2026-01-02T00:30:00Z -'],
    ['a whole day counts in UTC',          calendar('DEFAULT_OPEN', event('DTSTART;VALUE=DATE:20260105')),                      '2026-01-05T12:00:00Z',     'CLOSED 2026-01-05T12:00:00Z 2026-01-06T00:00:00Z'],
  ])('is %s', async (_, content, at, expected) => {
    await create('Freeze', content)
    expect(await state(['Freeze'], at)).toBe(expected)
  })

  it('is open with others only when all are', async () => {
    await create('One', calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DTEND:20260104T000000Z')))
    await create('Two', calendar('DEFAULT_OPEN', event('DTSTART:20260103T000000Z', 'DTEND:20260105T000000Z')))
    expect(await state(['One', 'Two'], '2026-01-01T00:00:00Z')).toBe('OPEN 2026-01-01T00:00:00Z 2026-01-02T00:00:00Z')
    expect(await state(['One', 'Two'], '2026-01-04T12:00:00Z')).toBe('CLOSED 2026-01-04T12:00:00Z 2026-01-05T00:00:00Z')
    expect(await state(['Two', 'One'], '2026-01-02T12:00:00Z')).toBe('CLOSED 2026-01-02T12:00:00Z 2026-01-05T00:00:00Z')
  })

  it('is found by its ARN, and is what its default version says', async () => {
    await create('Freeze', calendar('DEFAULT_OPEN', EMPTY))
    const arn = `arn:aws:ssm:us-east-1:${STAGING}:document/Freeze`
    await ssm.send(new UpdateDocumentCommand({ Name: 'Freeze', Content: calendar('DEFAULT_CLOSED', EMPTY), DocumentVersion: '$LATEST' }))
    expect(await state([arn])).toMatch(/^OPEN/)
    await ssm.send(new UpdateDocumentDefaultVersionCommand({ Name: 'Freeze', DocumentVersion: '2' }))
    expect(await state([arn])).toMatch(/^CLOSED/)
    expect(await nameOf(state([arn.replace(STAGING, '222222222222')]))).toBe('InvalidDocument')
  })

  it('is a document like others, but no command', async () => {
    const content = calendar('DEFAULT_OPEN', EMPTY)
    const made = await create('Freeze', content)
    expect(made.DocumentDescription).toMatchObject({ DocumentType: 'ChangeCalendar', DocumentFormat: 'TEXT' })
    expect(await ssm.send(new GetDocumentCommand({ Name: 'Freeze' }))).toMatchObject({ Content: content, DocumentFormat: 'TEXT' })
    const send = ssm.send(new SendCommandCommand({ DocumentName: 'Freeze', InstanceIds: ['i-0123456789abcdef0'] }))
    expect(await nameOf(send)).toBe('InvalidDocument')
  })

  it('is refused in another format or form', async () => {
    expect(await nameOf(create('Freeze', calendar('DEFAULT_OPEN', EMPTY), 'JSON'))).toBe('InvalidDocumentContent')
    expect(await nameOf(create('Freeze', '{"schemaVersion":"2.2"}'))).toBe('InvalidDocumentContent')
    expect(await nameOf(create('Freeze', calendar('SOMETIMES', EMPTY)))).toBe('InvalidDocumentContent')
  })

  it('cannot be asked about what it does not support', async () => {
    await create('Changed', calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'RECURRENCE-ID:20260102T000000Z')))
    await create('Hourly', calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DURATION:PT1M', 'RRULE:FREQ=HOURLY')))
    await create(
      'Never',
      calendar('DEFAULT_OPEN', event('DTSTART:20260102T000000Z', 'DURATION:PT1M', 'RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30')),
    )
    for (const name of ['Changed', 'Hourly', 'Never']) expect(await nameOf(state([name]))).toBe('UnsupportedCalendarException')
  })

  it('must be one', async () => {
    const Content = JSON.stringify({
      schemaVersion: '2.2',
      mainSteps: [{ action: 'aws:runShellScript', name: 'run', inputs: { runCommand: ['true'] } }],
    })
    await ssm.send(new CreateDocumentCommand({ Name: 'Patchwave-Apply', Content }))
    expect(await nameOf(state(['Patchwave-Apply']))).toBe('InvalidDocumentType')
    expect(await nameOf(state(['Nobody']))).toBe('InvalidDocument')
    expect(await nameOf(state([]))).toBe('ValidationException')
    await create('Freeze', calendar('DEFAULT_OPEN', EMPTY))
    expect(await nameOf(state(['Freeze'], 'tomorrow'))).toBe('ValidationException')
  })
})
