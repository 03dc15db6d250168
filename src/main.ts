import { createApp } from './app.ts'
import { report } from './cli/exit.ts'
import { runCli } from './cli/program.ts'

/** First Ctrl-C or SIGTERM: leave as after a crash. The second one ends at once. */
const leaving = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (leaving.signal.aborted) process.exit(130)
    leaving.abort()
  })
}

const { stdout, stderr, env } = process
const live = stderr.isTTY && env['CI'] === undefined && env['TERM'] !== 'dumb'
const io = {
  out: (line: string) => void stdout.write(`${line}\n`),
  err: (line: string) => void stderr.write(`${line}\n`),
  live,
  colour: stderr.isTTY && env['NO_COLOR'] === undefined && env['CI'] === undefined,
  outColour: stdout.isTTY && env['NO_COLOR'] === undefined && env['CI'] === undefined,
  columns: stderr.columns > 0 ? stderr.columns : 80,
  draw: (text: string) => void stderr.write(text),
  signal: leaving.signal,
}

// A bug outside of any command's reach is told as one: exit 1 would say that a run has ended badly.
process.on('uncaughtException', (error) => process.exit(report(error, io, false)))
stdout.on('error', () => process.exit(0)) // A reader such as `head` has gone: nothing more to say.
process.exitCode = await runCli(createApp(io, env), process.argv.slice(2))
// What was written is flushed first; timers that a broken connection leaves behind in the SDK are not waited for.
stdout.write('', () => stderr.write('', () => process.exit()))
