import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createAws } from './adapters/aws/aws.ts'
import { openSqliteStore } from './adapters/sqlite/store.ts'
import { httpProbe, loopbackProbe } from './adapters/system/probe.ts'
import { filesWith, systemFiles } from './adapters/system/files.ts'
import { stderrLog } from './adapters/system/log.ts'
import { systemRandom } from './adapters/system/random.ts'
import { sandboxClock } from './adapters/system/sandbox-clock.ts'
import { nap, systemClock } from './adapters/system/system-clock.ts'
import type { App, Common, Io, LoadedRunbook, Serving, Session, StoreSession } from './cli/app.ts'
import { CONFIG_FILE, loadConfig } from './config/load.ts'
import type { Config } from './config/config.ts'
import { nextOpenings } from './core/plan/calendar.ts'
import { calendarMistake } from './core/plan/freeze.ts'
import { parseSchedule } from './core/plan/schedule.ts'
import { DOCUMENTS } from './core/plan/documents.ts'
import type { Actor } from './core/run/event.ts'
import { extendsOf, parseRunbook, type Inputs, type Known } from './core/runbook/parse.ts'
import type { WindowTimesRule } from './core/runbook/runbook.ts'
import type { ScriptDocument, World } from './engine/world.ts'
import { sha256 } from './kit/digest.ts'
import { parseYamlDocument } from './kit/document.ts'
import { PatchwaveError } from './kit/error.ts'
import { readPeriod } from './kit/period.ts'
import type { Instant } from './kit/instant.ts'
import type { Clock } from './ports/clock.ts'
import type { Probe } from './ports/world.ts'
import { openRehearsal } from './rehearsal.ts'
import { runbookShelf } from './served-runbooks.ts'
import { serveSandboxFiles } from './served-sandbox.ts'
import { servingOf } from './serving.ts'

/** The folder that holds `documents/` and `config/`: the checkout, or the installed package. */
export const HOME = resolve(import.meta.dirname, '..')

/** Builds what commands may do, over the real world. */
export function createApp(io: Io, environment: NodeJS.ProcessEnv): App {
  const configOf = (common: Common): Promise<Config> => readConfig(common, environment)
  return {
    io,
    readFile: readBytes,
    writeFile: writeText,
    loadRunbook: async (path, common, inputs) => loadRunbook(path, await configOf(common), inputs),
    openStore: async (common, absent) => openStore(await configOf(common), environment, absent === 'refuse'),
    openSession: async (common) => openSession(await configOf(common), environment, io),
    openServing: async (common) => openServing(await configOf(common), environment, io),
    rehearsal: async (options) => openRehearsal(await configOf({ json: false, config: options.config }), options, readBytes),
    serveSandbox: (options) => serveSandboxFiles(options, readBytes, join(HOME, 'config/fleets/demo.yaml')),
    pause: (ms) => nap(ms, io.signal),
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new PatchwaveError('file.unreadable', `${path} cannot be read: ${cause instanceof Error ? cause.message : ''}`, {
      hint: 'check the path and its permissions',
      cause,
    })
  }
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (cause) {
    throw new PatchwaveError('file.unreadable', `${path} cannot be written: ${cause instanceof Error ? cause.message : ''}`, {
      hint: 'check the folder and the space on its disk',
      cause,
    })
  }
}

async function readConfig(common: Pick<Common, 'config' | 'store'>, environment: NodeJS.ProcessEnv): Promise<Config> {
  const path = common.config ?? CONFIG_FILE
  const shipped = join(HOME, CONFIG_FILE)
  const bytes = await readBytes(path).catch((error: unknown) => {
    if (common.config !== undefined || resolve(path) === shipped) throw error
    return readBytes(shipped)
  })
  return loadConfig({ file: { path, bytes }, environment, flags: { store: common.store } })
}

/** Reads a runbook and its base, and checks both against the config. `inputs`: the values that were given; null reads it as a template. */
async function loadRunbook(path: string, config: Config, inputs: Inputs | null = {}): Promise<LoadedRunbook> {
  const own = parseYamlDocument(await readBytes(path), path)
  const base = extendsOf(own)
  const basePath = base === null ? null : join(dirname(path), base.path)
  const parsedBase = basePath === null ? null : parseYamlDocument(await readBytes(basePath), basePath)
  const { runbook, inputs: values, unanswered } = parseRunbook(own, parsedBase, knownOf(config), inputs)
  return { file: path, runbook, inputs: values, unanswered }
}

function knownOf(config: Config): Known {
  return {
    accounts: Object.keys(config.accounts),
    groups: Object.keys(config.groups),
    groupSizes: Object.fromEntries(Object.entries(config.groups).map(([name, group]) => [name, group.members.length])),
    regions: config.regions,
    scheduleMistake,
    openings,
    calendarMistake: fileMistake,
  }
}

function scheduleMistake(expression: string): string | undefined {
  try {
    parseSchedule(expression)
    return undefined
  } catch (error) {
    return error instanceof PatchwaveError ? error.message : undefined
  }
}

function openings(times: WindowTimesRule, after: Instant, count: number): readonly Instant[] | undefined {
  try {
    return nextOpenings({ ...times, onGap: 'next-valid', onOverlap: 'first' }, after, count).map(({ opens }) => opens)
  } catch (error) {
    if (error instanceof PatchwaveError) return undefined
    throw error
  }
}

/** What is wrong with a calendar file: of the working folder, or else of those that are shipped. */
function fileMistake(path: string): string | undefined {
  const file = [resolve(path), join(HOME, path)].find((each) => existsSync(each))
  if (file === undefined) return `there is no file ${path}`
  try {
    return calendarMistake(readFileSync(file, 'utf8'))
  } catch (error) {
    return `${path} cannot be read: ${error instanceof Error ? error.message : ''}`
  }
}

async function openStore(config: Config, environment: NodeJS.ProcessEnv, mustBeThere: boolean): Promise<StoreSession> {
  const path = storePath(config)
  if (mustBeThere && !existsSync(path))
    throw new PatchwaveError('store.unusable', `there is no store ${path}`, { hint: 'name the file of the store with --store' })
  const clock = (await sandboxClock(environment)) ?? systemClock
  const store = await openSqliteStore(path)
  return { store, now: () => clock.now(), rebootWithinMs: config.debt.rebootWithinMs, close: () => store.close() }
}

function storePath(config: Config): string {
  if (!config.store.startsWith('postgres://')) return config.store
  throw new PatchwaveError('store.unusable', 'this version keeps its store in a SQLite file', { hint: 'name a file with --store' })
}

async function openSession(config: Config, environment: NodeJS.ProcessEnv, io: Io): Promise<Session> {
  const clock = (await sandboxClock(environment)) ?? systemClock
  const log = stderrLog(clock, (text) => {
    io.err(text.trimEnd())
  })
  const aws = createAws({
    clock,
    random: systemRandom,
    regionHome: config.control.region,
    control: config.control,
    accounts: Object.values(config.accounts),
    sessionName: `run-${String(process.pid)}`,
    log,
  })
  const store = await openSqliteStore(storePath(config))
  const world: World = {
    clock,
    random: systemRandom,
    store,
    ...aws,
    probe: probeOf(clock, environment),
    log,
    ...surroundings(config),
    rehearsing: isLoopback(environment),
    driver: `${HERE}:${String(process.pid)}:${systemRandom.uuid(clock.now()).slice(-8)}`,
    mayLive: mayLive,
  }
  return {
    world,
    actor: async () => ({ kind: 'cli', id: (await aws.identity.caller(io.signal)).arn }) satisfies Actor,
    userId: async () => (await aws.identity.caller(io.signal)).userId,
    close: async () => {
      aws.close()
      await store.close()
    },
  }
}

async function openServing(config: Config, environment: NodeJS.ProcessEnv, io: Io): Promise<Serving> {
  const load = (file: string, inputs: Inputs | null) => loadRunbook(file, config, inputs)
  const session = await openSession(config, environment, io)
  return servingOf(session, runbookShelf(config.runbooks, load), version())
}

const version = (): string => String((JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8')) as { version?: unknown }).version)

/** What a config and this folder say of the world, whatever AWS is behind it. */
export function surroundings(
  config: Config,
): Pick<
  World,
  'home' | 'accounts' | 'groups' | 'imageLineageTag' | 'events' | 'scripts' | 'files' | 'freezes' | 'triggers' | 'patchManager'
> {
  return {
    files: filesWith(systemFiles, HOME),
    freezes: config.freezes.map(readPeriod),
    triggers: config.triggers,
    patchManager: config.patchManager,
    home: config.control,
    accounts: Object.fromEntries(Object.entries(config.accounts).map(([name, account]) => [name, account.id])),
    groups: new Map(Object.entries(config.groups).map(([name, group]) => [name, group.members])),
    imageLineageTag: config.imageLineageTag,
    events: config.events,
    scripts: scripts(),
  }
}

function scripts(): ReadonlyMap<string, ScriptDocument> {
  return new Map(
    DOCUMENTS.map((name) => {
      const content = readFileSync(join(HOME, 'documents', `${name}.yaml`), 'utf8')
      return [name, { name, content, hash: sha256(content) }]
    }),
  )
}

function probeOf(clock: Clock, environment: NodeJS.ProcessEnv): Probe {
  const endpoint = environment['AWS_ENDPOINT_URL']
  return endpoint !== undefined && isLoopback(environment) ? loopbackProbe(clock, endpoint) : httpProbe(clock)
}

/** Whether every AWS call goes to this machine: then it is a sandbox. One service's own variable wins over the one for all. */
function isLoopback(environment: NodeJS.ProcessEnv): boolean {
  if ((environment['AWS_ENDPOINT_URL'] ?? '') === '' || environment['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return false
  return Object.entries(environment).every(([name, url = '']) => {
    if (!name.startsWith('AWS_ENDPOINT_URL') || url === '') return true
    return URL.canParse(url) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
  })
}

/** Where a process id means one process: this host, and on Linux its own namespace of them, for containers may share the host's name. */
const HERE = `${hostname()}${namespaceOfProcesses()}`

function namespaceOfProcesses(): string {
  try {
    return `/${readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '')}`
  } catch {
    return ''
  }
}

/** A driver of this host whose process is gone is certainly dead; of any other nothing is known. */
function mayLive(driver: string): boolean {
  const [here, pid] = driver.split(':')
  if (here !== HERE || pid === undefined || !/^\d+$/.test(pid)) return true
  try {
    process.kill(Number(pid), 0)
    return Number(pid) !== process.pid
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}
