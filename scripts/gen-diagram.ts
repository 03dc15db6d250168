import { readFileSync } from 'node:fs'
import ts from 'typescript'
import type { Phase } from '../src/core/run/state.ts'
import type { WavePhase } from '../src/core/run/parts.ts'
import { writeGenerated } from './generated-file.ts'
import { recordedSteps, type Machine, type Step } from './run-phases.ts'

// Writes docs/architecture-states.md: the machines of a run, drawn from what the real `next` and `evolve` do in the stories of run-stories.ts.
// A phase that no story reaches, or an event that sets the phase and occurs in none, is an error. With --check it writes nothing and ends
// with 1 when the page is stale.

const PATH = 'docs/architecture-states.md'

/** What a run does in each phase. The compiler asks for a line when a phase is added. */
const RUN: Readonly<Record<Phase['name'], string>> = {
  requested: 'on record; its plan is pinned, its window is being worked out',
  'awaiting-window': 'waits for the window to open, and for the approval of its plan if one is wanted',
  surveying: 'reads the whole fleet once more: who is down, who is gone, whether the plan still fits',
  before: 'measures the checks that must hold before anything is touched',
  scanning: 'trial only: asks the nodes of the lower environment what they miss',
  classifying: 'trial only: turns what is missing into one exact list for each image',
  waves: 'wave after wave: sends commands, waits for the nodes, decides the gate',
  storing: 'trial only: stores what was tested as baselines, and waits for their approval',
  after: 'measures the checks that must hold before the run may call itself succeeded',
  'rolling-back': 'restores touched nodes, newest wave first',
  isolating: 'trial only: tries parts of the lists until it is known which patches broke them',
  finished: 'it has ended, with an outcome and a reason',
}

const WAVE: Readonly<Record<WavePhase, string>> = {
  queued: 'not begun',
  running: 'its nodes get their commands as places become free',
  drained: 'none of its nodes waits or is in flight; the gate bakes, measures, holds, asks',
  passed: 'the gate let the run go on',
  failed: 'the gate stopped the run',
}

const COMMAND: Readonly<Record<string, string>> = {
  intended: 'on record, with its token; from here on its nodes count as touched',
  unclear: 'whether it was sent cannot be known: it is looked up by its token',
  sent: 'SSM has it; its invocations are watched',
  refused: 'nothing was sent: its nodes are as before',
  closed: 'every command of its token has ended or expired',
}

const NODE: Readonly<Record<string, string>> = {
  idle: 'its wave has not begun',
  waiting: 'waits for a place',
  chosen: 'has a place and counts as out of service; it is read once more',
  flying: 'a command that names it is intended or sent',
  retrying: 'failed in a way that the runbook retries; waits for its command to close',
  ended: 'has an outcome and a reason',
}

const MACHINES: readonly Readonly<{ machine: Machine; title: string; begins: string; means: Readonly<Record<string, string>> }>[] = [
  { machine: 'run', title: 'The run', begins: 'requested', means: RUN },
  { machine: 'wave', title: 'A wave', begins: 'queued', means: WAVE },
  { machine: 'command', title: 'A command', begins: 'intended', means: COMMAND },
  { machine: 'node', title: 'A node', begins: 'idle', means: NODE },
]

function page(steps: readonly Step[]): string {
  const sections = MACHINES.flatMap(({ machine, title, begins, means }) => {
    const own = steps.filter((step) => step.machine === machine && step.from !== null)
    const rows = Object.entries(means).map(([state, text]) => `| \`${state}\` | ${text} | ${leaving(own, state)} |`)
    return [
      `## ${title}`,
      `\`\`\`mermaid\n${drawing(own, begins)}\n\`\`\``,
      `| state | the ${machine} | leaves it by |\n|---|---|---|\n${rows.join('\n')}`,
    ]
  })
  return [
    '# The machines of a run',
    '<!-- Made by scripts/gen-diagram.ts from src/core/run. Do not edit: run `npm run gen`. -->',
    'A run is one state machine; waves, commands and nodes are smaller ones inside it. Nothing but an entry of the journal moves them: each arrow bears the entry that does it, by the name that it has in `src/core/run/event.ts`. The drawings are made by playing runs on the real code: every arrow was taken, and none that was taken is missing here.',
    ...sections,
    '',
  ].join('\n\n')
}

const leaving = (steps: readonly Step[], state: string): string =>
  steps
    .filter(({ from }) => from === state)
    .map(({ event, to }) => `\`${event}\` → ${to}`)
    .join('<br>') || 'nothing'

function drawing(steps: readonly Step[], begins: string): string {
  const names = [...new Set(steps.flatMap(({ from, to }) => [from ?? '', to]))]
  const arrows = Map.groupBy(steps, ({ from, to }) => `${alias(from ?? '')} --> ${alias(to)}`)
  const ends = names.filter((name) => !steps.some(({ from }) => from === name))
  return [
    'stateDiagram-v2',
    ...names.filter((name) => alias(name) !== name).map((name) => `  state "${name}" as ${alias(name)}`),
    `  [*] --> ${alias(begins)}`,
    ...[...arrows].map(([arrow, along]) => `  ${arrow}: ${along.map(({ event }) => event).join(', ')}`),
    ...ends.map((name) => `  ${alias(name)} --> [*]`),
  ].join('\n')
}

/** Mermaid takes a hyphen for part of an arrow. */
const alias = (name: string): string => name.replaceAll('-', '_')

/** In the order of the tables, so that a story more does not shuffle the page. */
function sorted(steps: readonly Step[]): Step[] {
  const order = new Map(MACHINES.flatMap(({ machine, means }) => Object.keys(means).map((state, at) => [`${machine} ${state}`, at])))
  const place = (machine: Machine, state: string | null): number => (state === null ? -1 : (order.get(`${machine} ${state}`) ?? Infinity))
  return [...steps].sort(
    (a, b) =>
      place(a.machine, a.from) - place(b.machine, b.from) ||
      place(a.machine, a.to) - place(b.machine, b.to) ||
      (a.event < b.event ? -1 : 1),
  )
}

/** States that no story reaches, and events that set the run's phase and occur in none. */
function unseen(steps: readonly Step[]): string[] {
  const reached = new Set(steps.flatMap(({ machine, from, to }) => [`${machine} ${from ?? to}`, `${machine} ${to}`]))
  const states = MACHINES.flatMap(({ machine, means }) => Object.keys(means).map((state) => `${machine} ${state}`)).filter(
    (state) => !reached.has(state),
  )
  const taken = new Set<string>(steps.map(({ event }) => event))
  return [
    ...states.map((state) => `no story reaches ${state}`),
    ...phaseSetters()
      .filter((event) => !taken.has(event))
      .map((event) => `no story has a ${event}, which sets the phase`),
  ]
}

/** The events whose handling in evolve.ts, or in a function that it calls by name, assigns `state.phase`. */
function phaseSetters(): string[] {
  const sources = ['evolve.ts', 'evolve-waves.ts', 'evolve-commands.ts'].map((file) => {
    const path = new URL(`../src/core/run/${file}`, import.meta.url)
    return ts.createSourceFile(file, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  })
  const setters = new Set(
    sources
      .flatMap((source) => source.statements.filter(ts.isFunctionDeclaration))
      .filter((each) => setsPhase(each))
      .map((each) => each.name?.text ?? ''),
  )
  const callsSetter = (node: ts.Node): boolean =>
    some(node, (each) => ts.isIdentifier(each) && ts.isCallExpression(each.parent.parent) && setters.has(each.text))
  const cases = sources.flatMap((source) => clausesOf(source))
  return cases
    .filter((clause) => setsPhase(clause) || clause.statements.some(callsSetter))
    .map((clause) => clause.expression.getText().replaceAll("'", ''))
}

const setsPhase = (node: ts.Node): boolean =>
  some(
    node,
    (each) => ts.isBinaryExpression(each) && each.operatorToken.kind === ts.SyntaxKind.EqualsToken && each.left.getText() === 'state.phase',
  )

function clausesOf(node: ts.Node): ts.CaseClause[] {
  const own = ts.isCaseClause(node) && node.expression.getText().startsWith("'") ? [node] : []
  return [...own, ...node.getChildren().flatMap(clausesOf)]
}

const some = (node: ts.Node, test: (node: ts.Node) => boolean): boolean =>
  test(node) || node.getChildren().some((child) => some(child, test))

const steps = sorted(recordedSteps())
const missing = unseen(steps)
if (missing.length > 0) {
  console.error(missing.join('\n'))
  process.exitCode = 1
} else writeGenerated(PATH, page(steps))
