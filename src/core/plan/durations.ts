import type { Sketch } from './sketch.ts'

/** What one run took, in sketches: all that later forecasts need of its journal. */
export type RunDurations = Readonly<{
  v: 1
  run: string
  runbook: string
  act: 'trial' | 'rollout'
  reboot: string
  /** From the intent to the node's own end, of nodes whose work was done to the end, by what was done to which image. */
  spans: readonly Span[]
  /** From a round's choice to its intent: the nodes are read again meanwhile. */
  reads: Sketch
  /**
   * From a node's own end to its report, where another waited for it: of nodes that took less than the middle of their kind, and of the others.
   * Without status events a command is first read when half of it should be done, so quick nodes wait longer.
   */
  reports: Readonly<Record<Pace, Sketch>>
  /** From the last node's own end to the end of its wave's changes. */
  drains: Sketch
  /** From there to the verdict, less the bake, where nobody was asked and nothing held; by the slowest kind of check. */
  gates: Readonly<Record<CheckKind, Sketch>>
  /** From the opening to the first wave: the fleet is read, checks of `before` are made, a trial's nodes are scanned. */
  leads: Sketch
}>

/** What a node's change took, for the nodes of one account and image. */
export type Span = Readonly<{ work: 'apply' | 'rollback' | 'scan'; account: string; image: string; platform: string; sketch: Sketch }>

/** On which side of the middle of its kind a node's duration lies. */
export type Pace = 'quick' | 'slow'

/** Checks that run a script on nodes take as long as a command; the others a few calls. */
export type CheckKind = 'none' | 'looks' | 'scripts'
