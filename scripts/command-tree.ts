import type { Command } from 'commander'
import type { App, Io } from '../src/cli/app.ts'
import { programOf } from '../src/cli/program.ts'

/** What a command line would run: its words, and what stands where. */
export type Parsed = Readonly<{ path: string; args: readonly string[]; options: Readonly<Record<string, unknown>> }>

const IO: Io = {
  out: () => undefined,
  err: () => undefined,
  live: false,
  colour: false,
  columns: 120,
  draw: () => undefined,
  signal: new AbortController().signal,
}

const nothing = (): Promise<never> => Promise.reject(new Error('the command tree is only looked at'))

const APP: App = {
  io: IO,
  readFile: nothing,
  writeFile: nothing,
  loadRunbook: nothing,
  openStore: nothing,
  openSession: nothing,
  openServing: nothing,
  rehearsal: nothing,
  serveSandbox: nothing,
  pause: nothing,
}

/** The program with all of its commands. Parsing a line calls `parsed` instead of running it. */
export const commandTree = (parsed: (line: Parsed) => void = () => undefined): Command =>
  programOf(APP, ({ path }, { args, options }) => {
    parsed({ path, args, options })
    return Promise.resolve()
  })
