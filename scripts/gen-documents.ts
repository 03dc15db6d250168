import { readFileSync } from 'node:fs'
import { sha256 } from '../src/kit/digest.ts'
import { writeGenerated } from './generated-file.ts'

// Writes documents/Patchwave-*.yaml: each carries the whole runner, documents/runner/*.sh, so that a node needs nothing beforehand and the
// document's hash pins all that runs. With --check it only says which of them are stale, and fails.

const PARTS = ['core', 'session', 'change', 'kernel', 'script', 'read', 'services', 'apt', 'rpm', 'main'] as const

/** SSM refuses a document that is larger. */
const BYTES_MAX = 65_536

const UUID7 = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'

type Parameter = Readonly<{ description: string; pattern: string; standard?: string }>

/** The first wall: SSM puts a value into the script's text, so no pattern lets a quote, a blank, a dollar or a line end through. */
const PARAMETERS = {
  Token: { description: "Names this intent for ever; the node's marker bears it.", pattern: `^${UUID7}\\.[0-9]{1,9}$` },
  StartBefore: { description: 'Seconds since 1970. A script that begins later does nothing and says so.', pattern: '^[0-9]{1,11}$' },
  // The script counts the characters: not every engine of patterns repeats so often.
  List: { description: 'Base64 of the list text, one package a line with name, arch and version.', pattern: '^[A-Za-z0-9+/]*={0,2}$' },
  ListDigest: { description: 'SHA-256 of the list text.', pattern: '^[0-9a-f]{64}$' },
  Reboot: { description: 'never, if-needed or always.', pattern: '^(never|if-needed|always)$', standard: 'never' },
  Kernel: {
    description: "hold, live-patch or install, for the kernel's own packages.",
    pattern: '^(hold|live-patch|install)$',
    standard: 'hold',
  },
  Record: {
    description: 'yes writes the before-record only, anew also over one that is there; no reads back.',
    pattern: '^(no|yes|anew)$',
    standard: 'no',
  },
  Undo: { description: 'The run whose changes are undone.', pattern: `^${UUID7}$` },
  Script: { description: 'Absolute path of the script.', pattern: '^/[A-Za-z0-9._/-]{1,255}$' },
  Timeout: { description: 'Seconds that the script may take.', pattern: '^[0-9]{1,4}$' },
  Moment: { description: 'Why the script runs, before, after or exit.', pattern: '^(before|after|exit)$' },
  Digest: { description: 'SHA-256 of the text.', pattern: '^[0-9a-f]{64}$' },
  Offset: { description: 'Where the part begins, in bytes.', pattern: '^[0-9]{1,9}$', standard: '0' },
  Mode: { description: 'status or enable.', pattern: '^(status|enable)$', standard: 'status' },
  executionTimeout: {
    description: 'Seconds after which SSM stops waiting for the script. A running transaction outlives it.',
    pattern: '^[0-9]{1,6}$',
    standard: '3600',
  },
} as const satisfies Record<string, Parameter>

type Name = keyof typeof PARAMETERS
type ScriptDocument = Readonly<{ name: string; verb: string; does: string; takes: readonly Name[] }>

const DOCUMENTS: readonly ScriptDocument[] = [
  {
    name: 'Patchwave-Apply',
    verb: 'apply',
    does: 'Installs exactly the given list of package versions and reads back what is there.',
    takes: ['List', 'ListDigest', 'Reboot', 'Kernel'],
  },
  {
    name: 'Patchwave-Rollback',
    verb: 'rollback',
    does: "Restores the versions that a run's before-record holds.",
    takes: ['Undo', 'Reboot'],
  },
  { name: 'Patchwave-Restart', verb: 'restart', does: 'Restarts the services that still run replaced files.', takes: [] },
  { name: 'Patchwave-LivePatch', verb: 'live-patch', does: "Turns on the kernel's live patches, or tells which are on.", takes: ['Mode'] },
  { name: 'Patchwave-Scan', verb: 'scan', does: 'Lists what is missing, with advisories. Installs nothing.', takes: ['Kernel'] },
  {
    name: 'Patchwave-Verify',
    verb: 'verify',
    does: 'Reads back a list, as an apply does, or records what is there before another tool installs it.',
    takes: ['List', 'ListDigest', 'Kernel', 'Record'],
  },
  { name: 'Patchwave-Check', verb: 'check', does: 'Runs one health script that stands on the node.', takes: ['Script', 'Timeout'] },
  {
    name: 'Patchwave-Hook',
    verb: 'hook',
    does: 'Runs one script that stands on the node, before or after the others, or at the end.',
    takes: ['Script', 'Timeout', 'Moment'],
  },
  {
    name: 'Patchwave-Fetch',
    verb: 'fetch',
    does: 'Prints part of a text that the node keeps, named by its digest.',
    takes: ['Digest', 'Offset'],
  },
]

/**
 * The runner as it lies on a node: the parts in their order, without comments and blank lines, a step of indentation one blank instead of two.
 * A here-document's own lines begin at the margin, and what stands between quotes is awk's, which does not count blanks: nothing changes its meaning.
 */
function runnerText(): string {
  const text = PARTS.map((part) => readFileSync(new URL(`../documents/runner/${part}.sh`, import.meta.url), 'utf8')).join('')
  const lines = text.split('\n').filter((line) => line !== '' && !/^\s*#/.test(line))
  const narrow = lines.map((line) => line.replace(/^ +/, (blanks) => ' '.repeat(Math.ceil(blanks.length / 2))))
  return `# Patchwave on a node. Made from documents/runner/*.sh.\n${narrow.join('\n')}\n`
}

const parameterText = (name: Name): string => {
  const { description, pattern, standard }: Parameter = PARAMETERS[name]
  const lines = [`  ${name}:`, '    type: String', `    description: ${description}`, `    allowedPattern: '${pattern}'`]
  return [...lines, ...(standard === undefined ? [] : [`    default: '${standard}'`])].join('\n')
}

/** A list that leaves no room for a command's environment becomes a word that the runner refuses, while no command has been started yet. */
function listWall(runner: string): string {
  const [, most] = /^LIST_MAX=([0-9]+)$/m.exec(runner) ?? []
  if (most === undefined) throw new Error('documents/runner does not say how long a list may be')
  return `[ "\${#PATCHWAVE_LIST}" -le ${most} ] || PATCHWAVE_LIST='too long'\n`
}

/** What runs before the runner: the values become environment, the runner a file that is what its name says. */
function entryText(takes: readonly Name[], verb: string, runner: string): string {
  const digest = sha256(runner)
  const values = takes.filter((name) => name !== 'executionTimeout')
  return `# Every parameter has passed its allowedPattern: none can hold a quote, a blank or a line end.
${values.map((name) => `export PATCHWAVE_${name.toUpperCase()}='{{ ${name} }}'`).join('\n')}
digest=${digest}
runner=/var/lib/patchwave/runner/$digest
${takes.includes('List') ? listWall(runner) : ''}whole() { [ -e "$1" ] && [ "$(sha256sum <"$1")" = "$digest  -" ]; }
if ! whole "$runner"; then
umask 077
mkdir -p /var/lib/patchwave/runner
cat >"$runner.$$" <<'PATCHWAVE_RUNNER'
${runner}PATCHWAVE_RUNNER
if ! { sync "$runner.$$" && whole "$runner.$$" && mv -f "$runner.$$" "$runner"; }; then
rm -f "$runner.$$"
printf '{"pw":1,"token":"%s","verdict":"failed","reason":"disk-full","changed":0,"missing":0,"reboot":"no","endedAt":%s}\\n' "$PATCHWAVE_TOKEN" "$(date +%s)"
exit 70
fi
fi
exec sh "$runner" ${verb}
`
}

function documentText({ name, verb, does, takes }: ScriptDocument, runner: string): string {
  const all: readonly Name[] = ['Token', 'StartBefore', ...takes, 'executionTimeout']
  const entry = entryText(all, verb, runner)
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n')
  return `# Made by scripts/gen-documents.ts from documents/runner/*.sh. Registered in each cell and pinned by the SHA-256 of this text.
# What it promises: documents/PROTOCOL.md.
schemaVersion: '2.2'
description: ${does}
parameters:
${all.map(parameterText).join('\n')}
mainSteps:
- name: ${name.replace('-', '')}
  action: aws:runShellScript
  precondition:
    StringEquals: [platformType, Linux]
  inputs:
   timeoutSeconds: '{{ executionTimeout }}'
   runCommand:
   - |
${entry}`
}

const runner = runnerText()
if (runner.includes('{{')) throw new Error('documents/runner holds {{, which SSM would take for a parameter')
for (const document of DOCUMENTS) {
  const text = documentText(document, runner)
  const bytes = Buffer.byteLength(text)
  if (bytes > BYTES_MAX) throw new Error(`${document.name} has ${String(bytes)} bytes, SSM takes ${String(BYTES_MAX)}`)
  writeGenerated(`documents/${document.name}.yaml`, text)
}
