const LATER = 'of two instants that are the same it does not matter which is kept'
const NOBODY = 'who waits stands in a lane, behind a group or behind another run, so that somebody is there'

/** Mutants that no test can kill: in which line, what was there (`was`) and what stands there then (`to`), and why nothing that matters is different. */
export const EQUIVALENT = [
  {
    file: 'src/core/run/evolve-commands.ts',
    line: 'if (event.expiresAfter > command.expiresAfter) command.expiresAfter = event.expiresAfter',
    was: 'event.expiresAfter > command.expiresAfter',
    to: ['event.expiresAfter >= command.expiresAfter'],
    why: LATER,
  },
  {
    file: 'src/core/run/evolve-found.ts',
    line: 'if (event.expiresAfter > known.expiresAfter) known.expiresAfter = event.expiresAfter',
    was: 'event.expiresAfter > known.expiresAfter',
    to: ['event.expiresAfter >= known.expiresAfter'],
    why: LATER,
  },
  {
    file: 'src/core/run/dispatch.ts',
    line: 'const again = state.suspects > state.retrying ? state.suspects - state.retrying : 0',
    was: 'state.suspects > state.retrying',
    to: ['state.suspects >= state.retrying'],
    why: 'where both are the same their difference is the 0 of the other branch',
  },
  {
    file: 'src/core/run/dispatch.ts',
    line: "return nodes.length > 0 ? events({ type: 'NodesSkipped', nodes: [...new Set(nodes)], reason: 'disruption-held' }) : nothing",
    was: 'nodes.length > 0',
    to: ['true', 'nodes.length >= 0'],
    why: NOBODY,
  },
  {
    file: 'src/core/run/next.ts',
    line: "if (baseline === 'none' || state.plan.work !== 'apply') return undefined",
    was: "baseline === 'none'",
    to: ['false'],
    why: 'a rule that is none has no greatest age, and no instant is later than what is no number',
  },
  {
    file: 'src/core/run/next.ts',
    line: "if (baseline === 'none' || state.plan.work !== 'apply') return undefined",
    was: "'none'",
    to: ['""'],
    why: 'a rule that is none has no greatest age, and no instant is later than what is no number',
  },
]
