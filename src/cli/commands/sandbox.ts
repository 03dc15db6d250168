import { countOf, textOf, type Call, type CommandSpec } from '../call.ts'
import { EXIT, usage } from '../exit.ts'
import { quoted } from '../render/text.ts'

/** A whole month passes in an hour; more would leave a driver no time to think. */
const SPEED_MAX = 100_000

/** The embedded AWS over HTTP, until somebody stops it. */
export const sandbox: CommandSpec = {
  path: 'sandbox',
  summary: 'serve an embedded AWS over a simulated fleet; prints the environment to export',
  options: [
    { flags: '--fleet <file>', means: 'the nodes (default: the shipped demo fleet)' },
    { flags: '--port <n>', means: 'where to listen (default: any free port)' },
    { flags: '--speed <n>', means: 'how much faster than the wall’s its time runs (default: 1)' },
    { flags: '--faults <file>', means: 'what goes wrong, and how often' },
    {
      flags: '--nodes <kind>',
      means: 'what scripts run on (default: simulated); real needs root and speed 1',
      choices: ['simulated', 'real'],
    },
    { flags: '--state <file>', means: 'keep what comes to it there; one that is started with it again goes on where it was' },
  ],
  example: 'sandbox --fleet config/fleets/demo.yaml --port 4566 --speed 600',
  output: 'stream',
  run: (call) => serve(call),
}

async function serve(call: Call): Promise<number> {
  const { app, common } = call
  const speed = countOf(call, 'speed', 1, SPEED_MAX) ?? 1
  const nodes = textOf(call, 'nodes') === 'real' ? 'real' : 'simulated'
  if (nodes === 'real' && speed !== 1)
    throw usage(
      `real nodes cannot run at ${String(speed)} times the speed: package managers and scripts know only the wall’s clock`,
      'leave --speed out',
    )
  const state = textOf(call, 'state') ?? null
  if (state !== null && nodes === 'real')
    throw usage('real nodes cannot be made again from what came to them', 'leave --state or --nodes real out')
  const served = await app.serveSandbox({
    fleet: textOf(call, 'fleet') ?? null,
    faults: textOf(call, 'faults') ?? null,
    port: countOf(call, 'port', 0, 65_535) ?? 0,
    speed,
    nodes,
    state,
  })
  try {
    if (common.json) app.io.out(JSON.stringify(served.ready))
    else for (const line of readyLines(served.ready)) app.io.out(line)
    await aborted(app.io.signal)
  } finally {
    await served.close()
  }
  return EXIT.done
}

/** What a person pastes into another terminal, and whose keys there are besides. */
export function readyLines({ endpoint, env, fleet, identities }: Readonly<Record<string, unknown>>): string[] {
  const counts = Object.entries(objectOf(fleet)).flatMap(([what, count]) => (typeof count === 'number' ? [`${String(count)} ${what}`] : []))
  return [
    `# sandbox at ${String(endpoint)}${counts.length > 0 ? `: ${counts.join(', ')}` : ''}; in another terminal:`,
    ...Object.entries(objectOf(env)).map(([name, value]) => `export ${name}=${quoted(String(value))}`),
    ...(Array.isArray(identities) ? identities : []).flatMap((one) => identityLine(objectOf(one))),
  ]
}

function identityLine({ name, arn, env }: Fields): string[] {
  const key = objectOf(env)['AWS_ACCESS_KEY_ID']
  return typeof key === 'string' ? [`# ${String(name)} (${String(arn)}): AWS_ACCESS_KEY_ID=${quoted(key)}`] : []
}

type Fields = Readonly<Record<string, unknown>>

const objectOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? { ...value } : {})

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
