import { isoSeconds } from '../../kit/instant.ts'
import type { Fact, Subject } from '../../core/run/event.ts'
import type { RunState } from '../../core/run/state.ts'
import { isolationLine, leftOut } from './isolation-lines.ts'
import { counted, cut, plain, tallied } from './text.ts'

/** What a fact means to somebody who watches, in a line; `undefined` for the many that only matter to the record. Pure. */
export function notable(state: RunState, { event, actor }: Fact): string | undefined {
  const by = `by ${plain(actor.id)}`
  const wave = (index: number): string => state.waves[index]?.name ?? ''
  switch (event.type) {
    case 'WindowChosen':
      return `window: opens ${isoSeconds(event.opens)}, cutoff ${isoSeconds(event.cutoff)}, closes ${isoSeconds(event.closes)}`
    case 'WindowOpened':
      return 'window opened'
    case 'WindowEnded':
      return 'window ended; the rest waits for the next one'
    case 'FleetRead':
      return event.drift === null && event.gone.length + event.appeared + event.down.length === 0
        ? undefined
        : `fleet: ${tallied({ gone: event.gone.length, down: event.down.length, 'appeared since the plan': event.appeared })}${event.drift === null ? '' : `; ${plain(event.drift)}`}`
    case 'CellRefused':
      return `cell ${event.cell} refused: ${plain(`${event.code}: ${event.message}`)}`
    case 'ListsPinned':
      return `classified: ${counted(event.count, 'list')} of ${event.patches.map(String).join(', ')} patches${leftOut(event.quarantined ?? [])}`
    case 'ApprovalAsked':
      return `approval of ${subject(event.subject)} wanted: ${String(event.count)}${event.group === '' ? '' : ` from ${event.group}`} until ${isoSeconds(event.expires)}`
    case 'ApprovalGiven':
      return `approval of ${subject(event.subject)} given by ${plain(event.by)}${because(event.reason)}`
    case 'ApprovalRefused':
      return `approval of ${subject(event.subject)} refused by ${plain(event.by)}${because(event.reason)}`
    case 'ApprovalExpired':
      return `approval of ${subject(event.subject)} expired`
    case 'Paused':
      return `paused ${by}${because(event.reason)}`
    case 'Resumed':
      return `resumed ${by}${because(event.reason)}`
    case 'AbortAsked':
      return `abort asked ${by}${because(event.reason)}`
    case 'RollbackAsked':
      return `rollback asked ${by}${because(event.reason)}`
    case 'SteeringRefused':
      return `${event.what} refused: ${plain(event.reason)}`
    case 'BaselineStored':
      return `baseline stored: ${event.path}:${String(event.version)}`
    case 'BaselineRefused':
      return `baseline of ${event.account}/${plain(event.image)} refused: ${plain(event.message)}`
    case 'BaselinesApproved':
      return `${counted(event.count, 'baseline')} approved`
    case 'RunFinished':
      return `${state.plan.act} ${event.outcome}: ${plain(event.reason)} (${tallied(event.nodes)})`
    default:
      return isolationLine(state, event) ?? inWaves(state, event, wave)
  }
}

function inWaves(state: RunState, event: Fact['event'], wave: (index: number) => string): string | undefined {
  switch (event.type) {
    case 'WaveStarted':
      return `wave ${event.name} started: ${counted(state.plan.waves[event.wave]?.nodes.length ?? 0, 'node')}`
    case 'WaveDrained':
      return `wave ${wave(event.wave)} drained; its gate is measured`
    case 'CheckMeasured':
      return measured(state, event, wave(event.wave))
    case 'GateHeld':
      return `gate ${wave(event.wave)} holds: ${event.why.map(plain).join(', ')}`
    case 'GateExpired':
      return `gate ${wave(event.wave)} was not decided in time`
    case 'GateDecided':
      return `gate ${wave(event.wave)} ${event.verdict === 'pass' ? 'passed' : 'failed'}: ${event.why.map(plain).join(', ')}`
    case 'NodesReported':
      return failures(state, event.nodes, event.outcomes, event.reasons)
    case 'StepEnded':
      return stepFailures(state, event)
    case 'NodesGone':
      return `gone: ${names(state, event.nodes)}`
    case 'CommandFound':
      return `found ${event.commandId} of ${plain(event.document)} on ${counted(event.nodes.length, 'node')}, which this journal never intended: a part of the journal was lost`
    case 'CommandRefused':
      return `${SSM_REFUSES.test(event.code) ? 'SSM refused a command' : 'a command was not sent'}: ${plain(withCode(event.code, event.message))}`
    case 'RollbackStarted':
      return `rollback started: ${counted(event.nodes, 'node')} of ${event.waves.map(wave).join(', ')}${event.outside ? ', outside the window' : ''}; ${plain(event.why)}`
    case 'RollbackFinished':
      return `rollback ${event.stopped ? 'stopped' : 'finished'}: ${String(event.restored)} restored, ${String(event.failed)} failed`
    default:
      return undefined
  }
}

/** A gate is measured every few minutes: the first round, the last one and whatever does not pass are news. */
function measured(state: RunState, event: Extract<Fact['event'], { type: 'CheckMeasured' }>, wave: string): string | undefined {
  if (event.purpose === 'try') return undefined // Each of its nodes is judged for itself.
  const gate = event.purpose === 'gate'
  const last = (gate ? state.waves[event.wave]?.measure : state.measure)?.last ?? false
  if (event.verdict === 'pass' && event.round > 1 && !last) return undefined
  return `${gate ? `gate ${wave}` : event.purpose}: ${event.check} ${event.verdict}${event.evidence === '' ? '' : ` (${cut(plain(event.evidence), EVIDENCE)})`}`
}

/** Characters of a measurement's evidence; the whole of it is on record. */
const EVIDENCE = 160

const because = (reason: string): string => (reason === '' ? '' : `: ${plain(reason)}`)

const subject = (one: Subject): string => (one.kind === 'gate' ? `gate ${one.wave}` : `the ${one.kind}`)

/** Nodes named in one line; the rest is counted. */
const NAMED = 5

const nameOf = (state: RunState, position: number): string => state.plan.nodes[position]?.node ?? ''

function names(state: RunState, positions: readonly number[]): string {
  const shown = positions.slice(0, NAMED).map((position) => nameOf(state, position))
  return `${shown.join(', ')}${positions.length > NAMED ? `, and ${String(positions.length - NAMED)} more` : ''}`
}

function failures(state: RunState, nodes: readonly number[], outcomes: readonly string[], reasons: readonly string[]): string | undefined {
  const bad = nodes.flatMap((position, index) => {
    const outcome = outcomes[index] ?? ''
    return BAD.has(outcome) ? [`${nameOf(state, position)} ${outcome} (${plain(reasons[index] ?? '')})`] : []
  })
  if (bad.length === 0) return undefined
  return `${bad.slice(0, NAMED).join(', ')}${bad.length > NAMED ? `, and ${String(bad.length - NAMED)} more` : ''}`
}

/** Steps that did not do their work on some node. */
function stepFailures(state: RunState, { nodes, done, reasons }: Extract<Fact['event'], { type: 'StepEnded' }>): string | undefined {
  const bad = nodes.flatMap((position, index) =>
    done[index] === false ? [`${nameOf(state, position)} (${plain(reasons[index] ?? '')})`] : [],
  )
  if (bad.length === 0) return undefined
  return `around a node: ${bad.slice(0, NAMED).join(', ')}${bad.length > NAMED ? `, and ${String(bad.length - NAMED)} more` : ''}`
}

const BAD: ReadonlySet<string> = new Set(['failed', 'unknown', 'rollback-failed'])

/** Other codes are the engine's own: SSM was not asked. */
const SSM_REFUSES = /^aws\./

/** Messages of the engine begin with the failure's code already. */
const withCode = (code: string, message: string): string => (/^[a-z]+\.[a-z-]+: /.test(message) ? message : `${code}: ${message}`)
