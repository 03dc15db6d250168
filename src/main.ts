import { constants } from 'node:os'
import { createApp } from './app.ts'
import { report } from './cli/exit.ts'
import { runCli } from './cli/program.ts'
import { PatchwaveError } from './kit/error.ts'

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
/** A result that cannot be written is none, whatever became of the command. A reader such as `head` that has gone is told as the shell tells it. */
function unwritten(cause: NodeJS.ErrnoException): never {
  if (cause.code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE)
  const hint = 'check where stdout goes, and the space on its disk'
  process.exit(report(new PatchwaveError('file.unreadable', `the result cannot be written: ${cause.message}`, { hint, cause }), io, false))
}
stdout.on('error', unwritten)
stderr.on('error', () => undefined) // Nobody reads what is told on the way: no reason to let go of a run.
process.exitCode = await runCli(createApp(io, env), process.argv.slice(2))
// What was written is flushed first; timers that a broken connection leaves behind in the SDK are not waited for.
stdout.write('', (error) => {
  if (!error) stderr.write('', () => process.exit()) // Else the stream is about to say what went wrong.
})
