import { spoken } from '../../kit/schema.ts'
import { each, one, texts, type Finding } from './finding.ts'
import { recordOf } from './references.ts'

/** What a runbook says of the work on the nodes fits together: hooks, drain, power, backup, how patches are applied and undone. */
export const nodeFindings = (root: unknown): readonly Finding[] => [
  ...hookFindings(root),
  ...scanFindings(root),
  ...applyFindings(root),
  ...isolationFindings(root),
]

function hookFindings(root: unknown): readonly Finding[] {
  return each(root, '/hooks/*').flatMap(({ pointer, value }): Finding[] => {
    const { document, script } = recordOf(value)
    if (typeof document === 'string' && document.startsWith('Patchwave-'))
      return [
        {
          pointer: `${pointer}/document`,
          kind: 'contradiction',
          message: `${document} is a document of Patchwave itself, which no hook can send`,
          hint: 'name a document of your own',
        } as const,
      ]
    if ((document === undefined) !== (script === undefined)) return []
    const message = `${spoken(pointer)} needs either \`document\` or \`script\`${document === undefined ? '' : ', not both'}`
    return [{ pointer, kind: 'contradiction', message, hint: 'name an SSM document, or a script that is on the nodes' } as const]
  })
}

const CHANGES = ['hooks', 'drain', 'power', 'backup', 'apply']

/** A scan takes nothing out of service. */
function scanFindings(root: unknown): readonly Finding[] {
  const all = recordOf(root)
  if (all['patches'] !== undefined) return []
  return CHANGES.filter((key) => meansSomething(key, all[key])).map((key) => ({
    pointer: `/${key}`,
    part: 'key',
    kind: 'contradiction',
    message: `\`${key}\` is about changes, but without \`patches\` the run is a scan`,
    hint: `add \`patches\`, or remove \`${key}\``,
  }))
}

/** Not only what the defaults filled in. */
function meansSomething(key: string, value: unknown): boolean {
  if (key === 'power') return recordOf(value)['stopped'] === 'start-and-restore'
  if (key === 'apply') return recordOf(value)['with'] === 'patch-manager'
  return value !== undefined && Object.keys(recordOf(value)).length > 0
}

function applyFindings(root: unknown): readonly Finding[] {
  if (one(root, '/apply/with') !== 'patch-manager') return []
  const findings: Finding[] = []
  const { reboot, kernel } = recordOf(one(root, '/patches'))
  if (reboot === 'if-needed' || reboot === 'always')
    findings.push({
      pointer: '/patches/reboot',
      kind: 'contradiction',
      message: `AWS-RunPatchBaseline is sent with NoReboot, so reboot: ${reboot} would not happen`,
      hint: 'use reboot: never, or apply with baseline-document',
    })
  if (kernel === 'live-patch')
    findings.push({
      pointer: '/patches/kernel',
      kind: 'contradiction',
      message: 'AWS-RunPatchBaseline does not prove that a live patch is loaded',
      hint: 'apply with baseline-document, or choose another `kernel`',
    })
  return findings
}

/** Isolation needs a way back between two tries, and to see which nodes are ill: a check that asks one address for all of them cannot tell. */
function isolationFindings(root: unknown): readonly Finding[] {
  if (one(root, '/test/onFailure') !== 'isolate') return []
  if (one(root, '/rollback/on') === 'never' || one(root, '/rollback/on') === 'manual' || one(root, '/rollback/method') === 'none') {
    const message = 'between two tries the nodes are rolled back, and `rollback` says that nothing is'
    return [{ pointer: '/test/onFailure', kind: 'contradiction', message, hint: 'use rollback: { on: gate-failed }, or onFailure: stop' }]
  }
  const checks = recordOf(one(root, '/checks'))
  const named = texts(root, '/test/checks/*').map(({ value }) => value)
  const types = named.map((name) => recordOf(checks[name])['type'])
  if (named.length === 0 || types.some((type) => type !== 'http')) return []
  const message = 'no check of the trial looks at single nodes, so nobody could tell which patches break one'
  return [{ pointer: '/test/onFailure', kind: 'contradiction', message, hint: 'add an agent-ping, instance-status or script check' }]
}
