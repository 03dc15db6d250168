import { describe, expect, it } from 'vitest'
import { PRESENCE } from '../../../src/core/run/gate.ts'
import { brief, mistakes, read } from './read.ts'

const HEAD = `apiVersion: patchwave/v1
kind: Runbook
metadata: { name: a }
scope: { accounts: [staging], regions: [us-east-1] }
waves: [{ name: all, take: rest }]
`
// Lines 1-5 are HEAD, so that a part starts at line 6.
const with_ = (part: string): string => HEAD + part
// Lines 1-4, then waves from line 5.
const waves = (...lines: readonly string[]): string =>
  `${HEAD.slice(0, HEAD.indexOf('waves'))}waves:\n${lines.map((line) => `  - ${line}\n`).join('')}`
const scope = (line: string): string => HEAD.replace(/scope: .*/, `scope: ${line}`)

type Row = readonly [what: string, text: string, ...expected: string[]]

// prettier-ignore
const SHAPE: readonly Row[] = [
  ['nothing at all',                '',                                               '1:1 runbook.wrong-type'],
  ['only a comment',                '# later\n',                                      '1:1 runbook.wrong-type'],
  ['a list',                        '- a\n',                                          '1:1 runbook.wrong-type'],
  ['a word',                        'hello',                                          '1:1 runbook.wrong-type'],
  ['an empty map',                  '{}',                                             ...Array<string>(5).fill('1:1 runbook.missing-key')],
  ['another version',               HEAD.replace('/v1', '/v2'),                       '1:13 runbook.unknown-value'],
  ['another kind',                  HEAD.replace('Runbook', 'Fleet'),                 '2:7 runbook.unknown-value'],
  ['a name with capitals',          HEAD.replace('name: a', 'name: A'),               '3:19 runbook.malformed'],
  ['a number for a name',           HEAD.replace('name: a', 'name: 12'),              '3:19 runbook.wrong-type'],
  ['no name',                       HEAD.replace('name: a', 'title: a'),              '3:1 runbook.missing-key'],
  ['a mistyped key',                with_('wndow: {}\n'),                             '6:1 runbook.unknown-key'],
  ['a key of a later version',      with_('notify: []\n'),                            '6:1 runbook.unknown-key'],
  ['a key in the wrong place',      waves('{ name: all, take: rest, bake: 5m }'),     '6:30 runbook.unknown-key'],
  ['an empty part',                 with_('window:\n'),                               '6:8 runbook.wrong-type'],
  ['no schedule',                   with_('window: { duration: 6h }\n'),              '6:1 runbook.missing-key'],
  ['a duration in words',           with_('window: { schedule: rate(7 days), duration: 6 hours }\n'), '6:45 runbook.malformed'],
  ['a duration without unit',       with_('window: { schedule: rate(7 days), duration: 6 }\n'), '6:45 runbook.wrong-type'],
  ['a mixed duration',              with_('window: { schedule: rate(7 days), duration: 1h30m }\n'), '6:45 runbook.malformed'],
  ['a negative duration',           with_('window: { schedule: rate(7 days), duration: -6h }\n'), '6:45 runbook.malformed'],
  ['a plain cron expression',       with_('window: { schedule: "0 3 * * 0", duration: 6h }\n'), '6:21 runbook.malformed'],
  ['unfinished of another word',    with_('window: { schedule: rate(7 days), duration: 6h, unfinished: continue }\n'), '6:61 runbook.unknown-value'],
  ['no approval rule',              with_('patches: { approve: [] }\n'),              '6:21 runbook.out-of-range'],
  ['an approval rule for all',      with_('patches: { approve: [{}] }\n'),            '6:22 runbook.out-of-range'],
  ['patches without approve',       with_('patches: { reboot: never }\n'),            '6:1 runbook.missing-key'],
  ['a severity in small letters',   with_('patches: { approve: [{ severity: [critical] }] }\n'), '6:35 runbook.unknown-value'],
  ['an unknown classification',     with_('patches: { approve: [{ classification: [Securty] }] }\n'), '6:41 runbook.unknown-value'],
  ['a CVE without its year',        with_('patches: { approve: [{ cves: [CVE-1234] }] }\n'), '6:31 runbook.malformed'],
  ['a package name with a space',   with_('patches: { approve: [{ names: [*] }] }\n'.replace('*', '"a b"')), '6:32 runbook.malformed'],
  ['a kernel of another mind',      with_('patches: { approve: [{ names: [a] }], kernel: maybe }\n'), '6:47 runbook.unknown-value'],
  ['a boolean tag',                 scope('{ accounts: [staging], regions: [us-east-1], match: { tags: { A: true } } }'), '4:73 runbook.wrong-type'],
  ['no tags',                       scope('{ accounts: [staging], regions: [us-east-1], match: { tags: {} } }'), '4:68 runbook.out-of-range'],
  ['an exclude for all',            scope('{ accounts: [staging], regions: [us-east-1], exclude: {} }'), '4:62 runbook.out-of-range'],
  ['an unknown platform',           scope('{ accounts: [staging], regions: [us-east-1], match: { platform: [windows] } }'), '4:73 runbook.unknown-value'],
  ['a node that is none',           scope('{ accounts: [staging], regions: [us-east-1], match: { nodes: [web-1] } }'), '4:70 runbook.malformed'],
  ['an image that is none',         scope('{ accounts: [staging], regions: [us-east-1], match: { images: [al2023] } }'), '4:71 runbook.malformed'],
  ['a text for a list',             scope('{ accounts: staging, regions: [us-east-1] }'), '4:20 runbook.wrong-type'],
  ['no account',                    scope('{ accounts: [], regions: [us-east-1] }'),  '4:20 runbook.out-of-range'],
  ['an account twice',              scope('{ accounts: [staging, staging], regions: [us-east-1] }'), '4:20 runbook.repeated'],
  ['a region that is none',         scope('{ accounts: [staging], regions: [Virginia] }'), '4:41 runbook.malformed'],
  ['no wave',                       waves().replace('waves:', 'waves: []'),           '5:8 runbook.out-of-range'],
  ['a wave without take',           waves('{ name: all }'),                           '6:5 runbook.missing-key'],
  ['a wave of no node',             waves('{ name: all, take: 0 }'),                  '6:24 runbook.out-of-range'],
  ['a wave of 0%',                  waves('{ name: all, take: 0% }'),                 '6:24 runbook.malformed'],
  ['a wave of 101%',                waves('{ name: all, take: 101% }'),               '6:24 runbook.malformed'],
  ['a wave of half a node',         waves('{ name: all, take: 0.5 }'),                '6:24 runbook.wrong-type'],
  ['a wave of a word',              waves('{ name: all, take: everything }'),         '6:24 runbook.malformed'],
  ['a wave of a list',              waves('{ name: all, take: [1] }'),                '6:24 runbook.wrong-type'],
  ['a wave of an empty match',      waves('{ name: all, take: { match: {} } }'),      '6:33 runbook.out-of-range'],
  ['no concurrency',                waves('{ name: all, take: rest, concurrency: 0 }'), '6:43 runbook.out-of-range'],
  ['a spread over a word',          waves('{ name: all, take: rest, spread: [zone] }'), '6:39 runbook.malformed'],
  ['fewer than no failures',        waves('{ name: all, take: rest, gate: { failures: -1 } }'), '6:48 runbook.out-of-range'],
  ['a shadow gate',                 waves('{ name: all, take: rest, gate: { shadow: true } }'), '6:38 runbook.unknown-key'],
  ['hard in words',                 waves('{ name: all, take: rest, gate: { hard: yes } }'), '6:44 runbook.wrong-type'],
  ['an unknown check type',         with_('checks: { a: { type: agent-pong } }\n'),   '6:22 runbook.unknown-value'],
  ['a check of a later version',    with_('checks: { a: { type: cloudwatch-alarm, names: [b] } }\n'), '6:22 runbook.unknown-value'],
  ['a check without type',          with_('checks: { a: { run: /a } }\n'),            '6:11 runbook.missing-key'],
  ['a check that is a text',        with_('checks: { a: agent-ping }\n'),             '6:14 runbook.wrong-type'],
  ['a script check without script', with_('checks: { a: { type: script } }\n'),       '6:11 runbook.missing-key'],
  ['keys of another check type',    with_('checks: { a: { type: agent-ping, url: "https://a" } }\n'), '6:34 runbook.unknown-key'],
  ['a relative script',             with_('checks: { a: { type: script, run: bin/smoke } }\n'), '6:35 runbook.malformed'],
  ['a script above its folder',     with_('checks: { a: { type: script, run: /opt/../etc } }\n'), '6:35 runbook.malformed'],
  ['a script with shell text',      with_('checks: { a: { type: script, run: "/a; reboot" } }\n'), '6:35 runbook.malformed'],
  ['a check name with a space',     with_('checks: { "a b": { type: agent-ping } }\n'), '6:11 runbook.malformed'],
  ['an ftp address',                with_('checks: { a: { type: http, url: "ftp://a" } }\n'), '6:33 runbook.malformed'],
  ['a status out of range',         with_('checks: { a: { type: http, url: "https://a", status: 42 } }\n'), '6:54 runbook.out-of-range'],
  ['a baseline word',               with_('baseline: latest\n'),                      '6:11 runbook.malformed'],
  ['a relative baseline path',      with_('baseline: { path: "patchwave/{account}/{image}" }\n'), '6:19 runbook.malformed'],
  ['an unknown placeholder',        with_('baseline: { path: "/p/{account}/{image}/{region}" }\n'), '6:19 runbook.malformed'],
  ['too many path levels',          with_(`baseline: { path: "${'/a'.repeat(14)}/{account}/{image}" }\n`), '6:19 runbook.malformed'],
  ['a rollback of another kind',    with_('rollback: { method: time-travel }\n'),     '6:21 runbook.unknown-value'],
  ['a standard queue',              with_('feedback: { queue: feedback }\n'),         '6:20 runbook.malformed'],
  ['a limit of 0 nodes',            with_('limit: { nodes: 0 }\n'),                   '6:17 runbook.out-of-range'],
  ['a limit above 100%',            with_('limit: { share: 120% }\n'),                '6:17 runbook.malformed'],
  ['an empty budget',               with_('budget: {}\n'),                            '6:1 runbook.missing-key'],
  ['one attempt',                   with_('retry: { attempts: 1 }\n'),                '6:20 runbook.out-of-range'],
  ['a retry after a broken script', with_('retry: { on: [scriptlet-failed] }\n'),     '6:15 runbook.unknown-value'],
  ['a drift in words',              with_('drift: little\n'),                         '6:8 runbook.malformed'],
  ['a base outside the folder',     with_('extends: ../base.yaml\n'),                 '6:10 runbook.malformed'],
  ['an absolute base',              with_('extends: /etc/base.yaml\n'),               '6:10 runbook.malformed'],
  ['oneAtATime of false',           with_('disruption: [{ per: image, oneAtATime: false }]\n'), '6:40 runbook.unknown-value'],
  ['an approval by nobody',         with_('approval: { count: 2 }\n'),                '6:1 runbook.missing-key'],
  ['an approval by 0 people',       with_('approval: { group: sre-leads, count: 0 }\n'), '6:38 runbook.out-of-range'],
]

// prettier-ignore
const CONTRADICTIONS: readonly Row[] = [
  ['an unknown account',            scope('{ accounts: [stagin], regions: [us-east-1] }'), '4:21 runbook.unknown-name'],
  ['an account named like a method', scope('{ accounts: [constructor], regions: [us-east-1] }'), '4:21 runbook.unknown-name'],
  ['an unknown region',             scope('{ accounts: [staging], regions: [us-east-9] }'), '4:41 runbook.unknown-name'],
  ['an unknown group',              with_('approval: { group: sre-lead }\n'),         '6:20 runbook.unknown-name'],
  ['an unknown group of a gate',    waves('{ name: all, take: rest, gate: { approval: { group: nobody } } }'), '6:57 runbook.unknown-name'],
  ['an unknown group of a baseline', with_('baseline: { approval: { group: nobody } }\n'), '6:32 runbook.unknown-name'],
  ['more people than there are',    with_('approval: { group: sre-leads, count: 4 }\n'), '6:38 runbook.unanswerable-approval'],
  ['an unknown check of a gate',    waves('{ name: all, take: rest, gate: { checks: [smoke] } }'), '6:47 runbook.unknown-name'],
  ['an unknown check of a trial',   with_('patches: { approve: [{ names: [a] }] }\ntest: { match: { tags: { A: b } }, checks: [smoke] }\n'), '7:45 runbook.unknown-name'],
  ['unknown checks around a run',   with_('before: { checks: [a] }\nafter: { checks: [b] }\n'), '6:20 runbook.unknown-name', '7:19 runbook.unknown-name'],
  ['a match outside the accounts',  waves('{ name: all, take: { match: { accounts: [prod-us] } } }'), '6:46 runbook.out-of-scope'],
  ['a match outside the regions',   scope('{ accounts: [staging], regions: [us-east-1], exclude: { regions: [eu-west-1] } }'), '4:74 runbook.out-of-scope'],
  ['two waves of one name',         waves('{ name: a, take: 1 }', '{ name: a, take: rest }'), '7:13 runbook.duplicate-name'],
  ['a check of every gate’s own name', with_(`checks: { ${PRESENCE}: { type: agent-ping } }\n`), '6:11 runbook.duplicate-name'],
  ['rest before the end',           waves('{ name: a, take: rest }', '{ name: b, take: 1 }'), '6:22 runbook.misplaced-wave'],
  ['100% before the end',           waves('{ name: a, take: 100% }', '{ name: b, take: rest }'), '6:22 runbook.misplaced-wave'],
  ['two rests',                     waves('{ name: a, take: rest }', '{ name: b, take: rest }'), '6:22 runbook.misplaced-wave'],
  ['a cutoff as long as the window', with_('window: { schedule: rate(7 days), duration: 6h, cutoff: 6h }\n'), '6:57 runbook.window-too-short'],
  ['bakes that fill the window',    with_('window: { schedule: rate(7 days), duration: 2h, cutoff: 1h }\n').replace('[{', '[{ name: a, take: 1, gate: { bake: 60m } }, {'), '5:43 runbook.window-too-short'],
  ['a window of ten seconds',       with_('window: { schedule: rate(7 days), duration: 10s }\n'), '6:45 runbook.out-of-range'],
  ['a window of a month',           with_('window: { schedule: rate(7 days), duration: 30d }\n'), '6:45 runbook.out-of-range'],
  ['an unknown zone',               with_('window: { schedule: rate(7 days), duration: 6h, timezone: America/NewYork }\n'), '6:59 runbook.unknown-name'],
  ['a cron of five fields',         with_('window: { schedule: cron(0 3 ? * SUN), duration: 6h }\n'), '6:21 runbook.malformed'],
  ['a rate of nothing',             with_('window: { schedule: rate(0 days), duration: 6h }\n'), '6:21 runbook.malformed'],
  ['a trial without patches',       with_('test: { match: { tags: { A: b } } }\n'),   '6:1 runbook.contradiction'],
  ['a trial without baseline',      with_('patches: { approve: [{ names: [a] }] }\nbaseline: none\ntest: { match: { tags: { A: b } } }\n'), '8:1 runbook.contradiction'],
  ['a soak longer than the lead',   with_('patches: { approve: [{ names: [a] }] }\ntest: { match: { tags: { A: b } }, lead: 1h, soak: 2h }\n'), '7:42 runbook.contradiction'],
  ['a path for all accounts',       with_('baseline: { path: "/p/{image}" }\n'),      '6:19 runbook.malformed'],
  ['a path of AWS’s own',           with_('baseline: { path: "/aws/{account}/{image}" }\n'), '6:19 runbook.malformed'],
  ['a path of AWS’s own by name',   with_('baseline: { path: "/{runbook}/{account}/{image}" }\n').replace('name: a', 'name: ssm-runbook'), '6:19 runbook.malformed'],
  ['a password in an address',      with_('checks: { a: { type: http, url: "https://me:secret@a" } }\n'), '6:33 runbook.malformed'],
  ['an address that is none',       with_('checks: { a: { type: http, url: "https://[a" } }\n'), '6:33 runbook.malformed'],
  ['a script of two hours',         with_('checks: { a: { type: script, run: /a, timeout: 2h } }\n'), '6:48 runbook.out-of-range'],
  ['a script of half a second',     with_('checks: { a: { type: script, run: /a, timeout: 1500ms } }\n'), '6:48 runbook.out-of-range'],
  ['an answer after two minutes',   with_('checks: { a: { type: http, url: "https://a", within: 2m } }\n'), '6:54 runbook.out-of-range'],
  ['a hook of Patchwave itself',    with_('patches: { approve: [{ names: [a] }] }\nhooks: { onExit: { document: Patchwave-Apply } }\n'), '7:30 runbook.contradiction'],
  ['a limit without number',        with_('disruption: [{ per: image }]\n'),          '6:14 runbook.contradiction'],
  ['a limit of both kinds',         with_('disruption: [{ per: image, atMost: 1, oneAtATime: true }]\n'), '6:14 runbook.contradiction'],
  ['a limit twice',                 with_('disruption: [{ per: image, atMost: 1 }, { per: image, atMost: 2 }]\n'), '6:48 runbook.duplicate-name'],
  ['a wave that loosens a number',  waves('{ name: a, take: rest, disruption: [{ per: image, atMost: 3 }] }') + 'disruption: [{ per: image, atMost: 2 }]\n', '6:63 runbook.loosened-limit'],
  ['a wave that loosens a share',   waves('{ name: a, take: rest, disruption: [{ per: image, atMost: 30% }] }') + 'disruption: [{ per: image, atMost: 20% }]\n', '6:63 runbook.loosened-limit'],
  ['a wave that loosens a turn',    waves('{ name: a, take: rest, disruption: [{ per: image, atMost: 3 }] }') + 'disruption: [{ per: image, oneAtATime: true }]\n', '6:63 runbook.loosened-limit'],
  ['shape and names at once',       scope('{ accounts: [stagin], regions: [us-east-1], mtach: {} }'), '4:21 runbook.unknown-name', '4:52 runbook.unknown-key'],
]

// prettier-ignore
const ACCEPTED: readonly (readonly [string, string])[] = [
  ['the least',                     HEAD],
  ['a wave that tightens',          waves('{ name: a, take: rest, disruption: [{ per: image, atMost: 1 }] }') + 'disruption: [{ per: image, atMost: 2 }]\n'],
  ['a wave with a limit of its own', waves('{ name: a, take: rest, disruption: [{ per: region, atMost: 3 }] }') + 'disruption: [{ per: image, atMost: 2 }]\n'],
  ['limits that cannot be compared', waves('{ name: a, take: rest, disruption: [{ per: image, atMost: 50% }] }') + 'disruption: [{ per: image, atMost: 2 }]\n'],
  ['both kinds of one limit',       with_('disruption: [{ per: image, atMost: 1 }, { per: image, oneAtATime: true }]\n')],
  ['100% at the end',               waves('{ name: a, take: 1 }', '{ name: b, take: 100% }')],
  ['bakes over several windows',    with_('window: { schedule: rate(7 days), duration: 2h, cutoff: 1h, unfinished: next-window }\n').replace('[{', '[{ name: a, take: 1, gate: { bake: 3h } }, {')],
  ['an anchor',                     with_('checks: { a: &ping { type: agent-ping }, b: *ping }\n')],
  ['no failure in shares',          waves('{ name: a, take: rest, gate: { failures: 0% } }')],
]

describe('a runbook that is wrong is refused, each mistake in its place', () => {
  it.each<Row>([...SHAPE, ...CONTRADICTIONS])('%s', (_, text, ...expected) => {
    expect(mistakes(() => read(text)).map(brief)).toEqual(expected)
  })
})

describe('a runbook that is unusual is accepted', () => {
  it.each(ACCEPTED)('%s', (_, text) => {
    expect(mistakes(() => read(text))).toEqual([])
  })
})

describe('hints', () => {
  // prettier-ignore
  it.each<[text: string, hint: string]>([
    [with_('patches: { approve: [{ names: [a] }] }\nhooks: { onExit: { script: /a, timeout: 1500ms } }\n'), 'write whole seconds'],
    [with_('wndow: {}\n'),                                                   'did you mean "window"?'],
    [with_('roll-back: {}\n'),                                               'did you mean "rollback"?'],
    [waves('{ name: all, take: rest, bake: 5m }'),                           'it belongs in waves[].gate'],
    [with_('perAmi: 3\n'),                                                   'it belongs in test'],
    [scope('{ accounts: [stagin], regions: [us-east-1] }'),                  'did you mean "staging"?'],
    [scope('{ accounts: [dev], regions: [us-east-1] }'),                     'choose from staging, prod-us, prod-eu'],
    [with_('approval: { group: SRE_leads }\n'),                              'write it like monthly-linux-security'],
    [with_('approval: { group: sre-lead }\n'),                               'did you mean "sre-leads"?'],
    [with_('patches: { approve: [{ severity: [critical] }] }\n'),            'did you mean "Critical"?'],
    [with_('checks: { a: { type: agentping } }\n'),                          'did you mean "agent-ping"?'],
    [with_('window: { schedule: rate(7 days), duration: 6h, timezone: Europe/Berln }\n'), 'did you mean "Europe/Berlin"?'],
    [waves('{ name: 12, take: rest }'),                                      'quote it: "12"'],
    [waves('{ name: all, take: rest, gate: { checks: [smoke] } }'),          'define it under `checks`'],
  ])('%#: %s', (text, hint) => {
    expect(mistakes(() => read(text)).map((each) => each.hint)).toEqual([hint])
  })
})

it('asks the caller about schedules when it can', () => {
  const known = { accounts: ['staging'], groups: [], scheduleMistake: (schedule: string) => `no: ${schedule}` }
  const found = mistakes(() => read(with_('window: { schedule: cron(0 3 ? * SUN *), duration: 6h }\n'), undefined, known))
  expect(found.map(({ message }) => message)).toEqual(['no: cron(0 3 ? * SUN *)'])
})
