import type { NodeId } from '../../kit/ids.ts'
import { instant, type Instant, latest, MINUTE, type Ms, plus } from '../../kit/instant.ts'
import type { SimNode } from '../model.ts'
import { hexOf, hits, uuidOf } from './chance.ts'
import { Disk } from './disk.ts'
import type { PackageSet } from './package-set.ts'
import { STEP_MS, type Surroundings } from './surroundings.ts'

/** What a node is from its launch on. */
export type Birth = Readonly<{
  node: NodeId
  account: string
  accountName: string
  region: string
  ami: string
  zoneName: string
  zoneId: string
  platform: SimNode['platform']
  tags: Record<string, string>
  instanceType: string
  privateIp: string
  launchedAt: Instant
  packages: PackageSet
}>

/** SSM hears from an agent about every five minutes. */
const PING_EVERY_MS: Ms = 5 * MINUTE

/** One simulated instance. What depends on time alone (pings, dark zones) is worked out when it is asked for, so an idle node costs nothing. */
export class SimulatedNode implements SimNode {
  readonly node: NodeId
  readonly account: string
  readonly accountName: string
  readonly region: string
  ami: string
  readonly zoneName: string
  readonly zoneId: string
  readonly platform: SimNode['platform']
  readonly tags: Record<string, string>
  readonly instanceType: string
  readonly privateIp: string
  readonly launchedAt: Instant
  readonly agentVersion: string
  readonly disk = new Disk()
  state: SimNode['state'] = 'running'
  terminatedAt: Instant | null = null
  kernel: string
  bootId: string
  /** Aborts when the power goes or the node boots: nothing that runs on it outlives that. */
  power = new AbortController()
  /** Versions that are known to break something while they are installed: `health` or `reachability` by package. */
  readonly ills = new Map<string, Readonly<{ version: string; breaks: 'health' | 'reachability' }>>()
  /** Commands that run now; the agent takes five at once. */
  readonly slots = { free: 5, waiting: [] as (() => void)[] }
  readonly #around: Surroundings
  readonly #phaseMs: Ms
  #packages: PackageSet
  #boots = 1
  readonly #starts = new Map<string, number>()
  #off: Readonly<{ since: Instant; until: Instant }> | null = null
  #deadSince: Instant | null = null
  #upSince: Instant
  #coreChanged = false
  #up: Promise<boolean> = Promise.resolve(true)

  constructor(birth: Birth, around: Surroundings) {
    this.node = birth.node
    this.account = birth.account
    this.accountName = birth.accountName
    this.region = birth.region
    this.ami = birth.ami
    this.zoneName = birth.zoneName
    this.zoneId = birth.zoneId
    this.platform = birth.platform
    this.tags = birth.tags
    this.instanceType = birth.instanceType
    this.privateIp = birth.privateIp
    this.launchedAt = birth.launchedAt
    this.#packages = birth.packages
    this.#around = around
    this.#upSince = birth.launchedAt
    this.#phaseMs = parseInt(hexOf(8, around.seed, 'ping', birth.node), 16) % PING_EVERY_MS
    this.bootId = uuidOf(around.seed, 'boot', birth.node, this.#boots)
    this.kernel = this.#newestKernel()
    this.agentVersion = (birth.packages.packages.get('amazon-ssm-agent.x86_64') ?? '0:3.3.1345.0').replace(/^\d+:|-.*$/g, '')
  }

  get packages(): Map<string, string> {
    return this.#packages.packages
  }

  get installed(): PackageSet {
    return this.#packages
  }

  get health(): 'healthy' | 'broken' {
    return this.#ill('health') ? 'broken' : 'healthy'
  }

  get reachability(): SimNode['reachability'] {
    if (this.state !== 'running') return 'insufficient-data'
    if (this.#off) return 'initializing'
    return this.#darkness(this.#around.clock.now()) || this.#ill('reachability') ? 'impaired' : 'ok'
  }

  get agent(): 'online' | 'lost' {
    return this.#silentSince(this.#around.clock.now()) === null ? 'online' : 'lost'
  }

  get lastPing(): Instant {
    const now = this.#around.clock.now()
    const heard = this.#silentSince(now) ?? now
    const regular = instant(heard - ((((heard - this.#phaseMs) % PING_EVERY_MS) + PING_EVERY_MS) % PING_EVERY_MS))
    return latest(regular, this.#silentSince(now) === null ? this.#backSince(now) : this.launchedAt)
  }

  /** SSM's opinion: an agent stays Online until a ping is overdue. */
  get ping(): 'Online' | 'ConnectionLost' {
    return this.#around.clock.now() - this.lastPing > PING_EVERY_MS + MINUTE ? 'ConnectionLost' : 'Online'
  }

  /** Whether a core package has been replaced since the boot (what `needs-restarting -r` answers). */
  get rebootWanted(): boolean {
    return this.#coreChanged || this.kernel !== this.#newestKernel()
  }

  /** Numbers the commands of one document on this node, from 0: seeded faults and durations are drawn by this number. */
  nextStart(document: string): number {
    const number = this.#starts.get(document) ?? 0
    this.#starts.set(document, number + 1)
    return number
  }

  /** When a message can next get through: now, later, or null when nobody knows. */
  reachableAt(now: Instant): Instant | null {
    const dark = this.#darkness(now)
    if (dark) return dark.until
    if (this.#off) return this.#off.until
    return this.#silentSince(now) === null ? now : null
  }

  install(next: PackageSet): void {
    const before = this.#packages.packages
    this.#coreChanged ||= [...next.packages].some(([key, version]) => CORE.test(key) && before.get(key) !== version)
    const wasSick = this.#sick()
    this.#packages = next
    if (!wasSick && this.#sick()) this.#around.sickened(this)
  }

  agentDies(): void {
    this.#deadSince ??= this.#around.clock.now()
  }

  agentReturns(): void {
    this.#deadSince = null
    this.#upSince = this.#around.clock.now()
  }

  /** Cuts the power at once and resolves when the node is up again `afterMs` later; resolves to false when it was terminated meanwhile. */
  boot(afterMs: Ms): Promise<boolean> {
    return (this.#up = this.#boot(afterMs))
  }

  /** Resolves when the boot that goes on has ended; to false when the node was terminated. */
  whenUp(): Promise<boolean> {
    return this.#up
  }

  async #boot(afterMs: Ms): Promise<boolean> {
    const { clock, seed } = this.#around
    const since = clock.now()
    const until = stepUp(plus(since, afterMs))
    this.#off = { since, until }
    this.power.abort('power')
    this.disk.lock = null
    await clock.sleep(until)
    if (this.state !== 'running') return false
    this.#off = null
    this.#boots += 1
    this.bootId = uuidOf(seed, 'boot', this.node, this.#boots)
    this.kernel = this.#newestKernel()
    this.power = new AbortController()
    this.#coreChanged = false
    this.agentReturns()
    return true
  }

  terminate(): void {
    this.state = 'terminated'
    this.#up = Promise.resolve(false)
    this.terminatedAt = this.#around.clock.now()
    this.power.abort('power')
  }

  /** The last moment at which SSM could hear it, or null while it can. */
  #silentSince(now: Instant): Instant | null {
    if (this.state !== 'running') return this.terminatedAt ?? this.launchedAt
    const faults = this.#around.faults()
    if (hits(faults.agents.offline, faults.seed, 'offline', this.node)) return plus(this.launchedAt, MINUTE)
    return this.#deadSince ?? this.#off?.since ?? this.#darkness(now)?.from ?? null
  }

  #backSince(now: Instant): Instant {
    let since = this.#upSince
    for (const dark of this.#darkTimes()) if (dark.until <= now) since = latest(since, dark.until)
    return since
  }

  #darkness(now: Instant): Readonly<{ from: Instant; until: Instant }> | null {
    for (const dark of this.#darkTimes()) if (dark.from <= now && now < dark.until) return dark
    return null
  }

  *#darkTimes(): Iterable<Readonly<{ from: Instant; until: Instant }>> {
    const zones = this.#around.faults().zones
    for (const zone of zones) {
      if (zone.zone !== this.zoneName && zone.zone !== this.zoneId) continue
      const from = plus(this.#around.faultsSince(), zone.fromMs)
      yield { from, until: plus(from, zone.forMs) }
    }
  }

  #sick(): boolean {
    return this.#ill('health') || this.#ill('reachability')
  }

  #ill(part: 'health' | 'reachability'): boolean {
    if (this.ills.size === 0) return false
    for (const [key, { version, breaks }] of this.ills) if (breaks === part && this.packages.get(key) === version) return true
    return false
  }

  #newestKernel(): string {
    const { kernelKey, family } = this.#around.repository(this.platform)
    const version = this.packages.get(kernelKey) ?? ''
    return family === 'rpm' ? `${version.replace(/^\d+:/, '')}.x86_64` : `${version}-cloud-amd64`
  }
}

/** What every process has loaded: replacing it takes effect at the next boot. */
const CORE = /^(kernel|linux-image-[a-z0-9-]+|glibc|libc6|systemd|dbus|openssl-libs|libssl3)\.[a-z0-9_]+$/

/** The next whole step at or after an instant. */
export const stepUp = (at: Instant): Instant => instant(Math.ceil(at / STEP_MS) * STEP_MS)
