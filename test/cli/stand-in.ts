import { openMemoryStore } from '../../src/adapters/memory/store.ts'
import type { App, Io } from '../../src/cli/app.ts'
import { runCli } from '../../src/cli/program.ts'
import { DAY, instant } from '../../src/kit/instant.ts'
import type { Store } from '../../src/ports/store.ts'

/** What a command line printed and ended with. */
export type Printed = Readonly<{ code: number; out: string[]; err: string[] }>

/** An io that remembers. */
export function remembering(): Readonly<{ io: Io; out: string[]; err: string[]; drawn: string[] }> {
  const out: string[] = []
  const err: string[] = []
  const drawn: string[] = []
  const io: Io = {
    out: (line) => out.push(line),
    err: (line) => err.push(line),
    draw: (text) => drawn.push(text),
    live: false,
    colour: false,
    columns: 100,
    signal: new AbortController().signal,
  }
  return { io, out, err, drawn }
}

const absent = (): Promise<never> => Promise.reject(new Error('this command must not ask for that'))

/** Runs a command line over an app of which only what a test gives is there. */
export async function cli(argv: readonly string[], parts: Partial<App> = {}): Promise<Printed> {
  const { io, out, err } = remembering()
  const app: App = {
    io,
    readFile: absent,
    writeFile: absent,
    loadRunbook: absent,
    openStore: absent,
    openSession: absent,
    openServing: absent,
    rehearsal: absent,
    serveSandbox: absent,
    pause: () => Promise.resolve(),
    ...parts,
  }
  const code = await runCli(app, [...argv])
  return { code, out, err }
}

/** An app's part for commands that only read the journal. */
export const storeOf = (store: Store = openMemoryStore(), now = instant(0)): Pick<App, 'openStore'> => ({
  openStore: () => Promise.resolve({ store, now: () => now, rebootWithinMs: 30 * DAY, close: () => Promise.resolve() }),
})
