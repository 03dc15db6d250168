import { IN_PLAN } from './equivalent-plan.mjs'
import { IN_RUN } from './equivalent-run.mjs'

/** Mutants that no test can kill: in which line, what was there (`was`) and what stands there then (`to`), and why nothing that matters is different. */
export const EQUIVALENT = [...IN_PLAN, ...IN_RUN].flatMap(([file, rows]) =>
  rows.map(([line, was, to, why]) => ({ file, line, was, to, why })),
)
