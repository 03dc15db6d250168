import pico from 'picocolors'

/** Colours by meaning. Without colour every function gives its text back. */
export type Paint = Readonly<{ done: Tone; running: Tone; bad: Tone; wait: Tone; dim: Tone; strong: Tone; state: (word: string) => string }>

type Tone = (text: string) => string

/** Green is done, blue is running, red is failed, yellow waits for somebody. */
export function painter(colour: boolean): Paint {
  const colours = pico.createColors(colour)
  const tones = {
    done: colours.green,
    running: colours.blue,
    bad: colours.red,
    wait: colours.yellow,
    dim: colours.dim,
    strong: colours.bold,
  }
  return { ...tones, state: (word) => (tones[TONES[word] ?? 'running'] ?? String)(word) }
}

const TONES: Readonly<Record<string, 'done' | 'running' | 'bad' | 'wait' | 'dim'>> = {
  passed: 'done',
  succeeded: 'done',
  patched: 'done',
  'not-needed': 'done',
  'rolled-back': 'wait',
  failed: 'bad',
  unknown: 'bad',
  'rollback-failed': 'bad',
  aborted: 'bad',
  aborting: 'bad',
  stopped: 'bad',
  held: 'wait',
  paused: 'wait',
  'waiting-for-approval': 'wait',
  'approval-expired': 'wait',
  'hold-expired': 'wait',
  'waiting-for-window': 'dim',
  queued: 'dim',
  skipped: 'dim',
  'not-started': 'dim',
}
