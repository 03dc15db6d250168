import type { NodeId } from '../../kit/ids.ts'
import { instant, type Instant, latest, MINUTE, type Ms, plus, SECOND } from '../../kit/instant.ts'
import type { SimNode, SimVolume } from '../model.ts'
import { Stop } from './alarms.ts'
import type { Birth } from './birth.ts'
import { hexOf, hits, uuidOf } from './chance.ts'
import { Disk } from './disk.ts'
import { Few } from './few.ts'
import { loadLivePatches } from './kernel.ts'
import { changesCore, type PackageSet } from './package-set.ts'
import { Patching } from './patching.ts'
import type { NodeFacts } from './real-nodes.ts'
import { STEP_MS, type Surroundings } from './surroundings.ts'
import { volumesOf } from './volumes.ts'

/** What a root volume holds: the packages, and `/var/lib/patchwave`. */
export type RootContent = Readonly<{ packages: PackageSet; disk: Disk }>

/** EC2 is about so long at stopping an instance, and at starting one until it runs; then it boots. */
const STOPPING_MS: Ms = 30 * SECOND
const PENDING_MS: Ms = 10 * SECOND
const BOOTING_MS: Ms = 60 * SECOND

const UP = Promise.resolve(true)
const NOBODY: readonly (() => void)[] = []

/** SSM hears from an agent about every five minutes. */
const PING_EVERY_MS: Ms = 5 * MINUTE

/** One simulated instance. What depends on time alone (pings, dark zones) is worked out when it is asked for, so an idle node costs nothing. */
export class SimulatedNode implements SimNode {
  /** What it is from its launch on; the packages are the image's. */
  readonly birth: Birth
  ami: string
  launchedAt: Instant
  disk = new Disk()
  readonly patching = new Patching()
  state: SimNode['state'] = 'running'
  terminatedAt: Instant | null = null
  kernel: string
  /** Aborts when the power goes or the node boots: nothing that runs on it outlives that. */
  power = new Stop()
  /** Versions that are known to break something while they are installed: `health` or `reachability` by package. */
  readonly ills = new Few<string, Readonly<{ version: string; breaks: 'health' | 'reachability' }>>()
  /** Places for further commands; the agent takes five at once. */
  slotsFree = 5
  /** Who waits for a place. */
  slotsWaiting: readonly (() => void)[] = NOBODY
  readonly #around: Surroundings
  #phaseMs: Ms | null = null
  #bootId: string | null = null
  #packages: PackageSet
  #boots = 1
  readonly #starts = new Few<string, number>()
  #off: Readonly<{ since: Instant; until: Instant }> | null = null
  #deadSince: Instant | null = null
  #upSince: Instant
  #bootedAt: Instant
  #coreChanged = false
  /** What a real node's own health script said last. */
  #broken = false
  #up: Promise<boolean> = UP
  /** While it is not powered: since when, and who waits for it to be up again. */
  #away: Readonly<{ since: Instant; over: PromiseWithResolvers<boolean> }> | null = null
  /** How often it was stopped: a boot that was going on then is another's to end. */
  #stops = 0
  #volumes: SimVolume[] | null = null

  constructor(birth: Birth, around: Surroundings) {
    this.birth = birth
    this.ami = birth.ami
    this.launchedAt = birth.launchedAt
    this.#packages = birth.packages
    this.#around = around
    this.#upSince = birth.launchedAt
    this.#bootedAt = birth.launchedAt
    this.kernel = this.#newestKernel()
    if (birth.stopped) {
      this.#powerOff(around.start)
      this.state = 'stopped'
    }
  }

  get node(): NodeId {
    return this.birth.node
  }

  get account(): string {
    return this.birth.account
  }

  get accountName(): string {
    return this.birth.accountName
  }

  get region(): string {
    return this.birth.region
  }

  get zoneName(): string {
    return this.birth.zoneName
  }

  get zoneId(): string {
    return this.birth.zoneId
  }

  get platform(): SimNode['platform'] {
    return this.birth.platform
  }

  get tags(): Record<string, string> {
    return this.birth.tags
  }

  get instanceType(): string {
    return this.birth.instanceType
  }

  get privateIp(): string {
    return this.birth.privateIp
  }

  get agentVersion(): string {
    return this.#around.repository(this.platform).agentOf(this.birth.packages)
  }

  get volumes(): readonly SimVolume[] {
    return this.#attached()
  }

  /** Another one after each boot. */
  get bootId(): string {
    return (this.#bootId ??= uuidOf(this.#around.seed, 'boot', this.node, this.#boots))
  }

  /** Since when it has been up and in reach of those that ask its application. */
  get upSince(): Instant {
    return this.#backSince(this.#around.clock.now(), this.#bootedAt)
  }

  get packages(): Map<string, string> {
    return this.#packages.packages
  }

  get installed(): PackageSet {
    return this.#packages
  }

  get health(): 'healthy' | 'broken' {
    return this.#broken || this.#ill('health') ? 'broken' : 'healthy'
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
    const phaseMs = (this.#phaseMs ??= parseInt(hexOf(8, this.#around.seed, 'ping', this.node), 16) % PING_EVERY_MS)
    const regular = instant(heard - ((((heard - phaseMs) % PING_EVERY_MS) + PING_EVERY_MS) % PING_EVERY_MS))
    return latest(regular, this.#silentSince(now) === null ? this.#backSince(now, this.#upSince) : this.launchedAt)
  }

  /** SSM's opinion: an agent stays Online until a ping is overdue. */
  get ping(): 'Online' | 'ConnectionLost' {
    if (this.state !== 'running') return 'ConnectionLost' // EC2 tells SSM of instances that are not there any more.
    return this.#around.clock.now() - this.lastPing > PING_EVERY_MS + MINUTE ? 'ConnectionLost' : 'Online'
  }

  /** Whether a core package has been replaced since the boot (what `needs-restarting -r` answers). */
  get rebootWanted(): boolean {
    return this.#coreChanged || this.kernel !== this.#newestKernel()
  }

  get bootedAt(): Instant {
    return this.#bootedAt
  }

  /** The newest kernel that is installed, where it is newer than the running one. */
  get newerKernel(): string | null {
    const newest = this.#newestKernel()
    return this.#around.repository(this.platform).compare(newest, this.kernel) > 0 ? newest : null
  }

  /** Whether the kernel that is installed runs: its package cannot go. */
  get runsNewestKernel(): boolean {
    return this.kernel === this.#newestKernel()
  }

  /** Resolves when a command of it has ended, in the order of asking. */
  freeSlot(): Promise<void> {
    return new Promise((resolve) => {
      this.slotsWaiting = [...this.slotsWaiting, resolve]
    })
  }

  /** Lets the next one look whether a place is free. */
  passSlot(): void {
    const [first, ...rest] = this.slotsWaiting
    if (first === undefined) return
    this.slotsWaiting = rest
    first()
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
    this.#coreChanged ||= changesCore(this.#packages, next)
    const wasSick = this.#sick()
    this.patching.changes(this.#packages, next, this.#around.clock.now())
    this.#packages = next
    if (!wasSick && this.#sick()) this.#around.sickened(this)
  }

  /** What a real node shows of itself is what is known of it from now on. */
  shows({ packages, kernel, bootId, healthy }: Readonly<Omit<NodeFacts, 'packages'> & { packages: PackageSet }>): void {
    const wasSick = this.#sick()
    this.#packages = packages
    this.kernel = kernel
    this.#bootId = bootId
    this.#broken = !healthy
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

  /** StopInstances: the power goes at once, and comes back with `start` only. Does nothing to an instance that does not run. */
  async stop(): Promise<void> {
    if (this.state !== 'running') return
    const { clock } = this.#around
    this.state = 'stopping'
    this.#powerOff(clock.now())
    await clock.sleep(stepUp(plus(clock.now(), STOPPING_MS)))
    if (this.state === 'stopping') this.state = 'stopped'
  }

  /** StartInstances: a new boot id, and the agent is back when it has booted: true. Does nothing to an instance that is not stopped. */
  async start(): Promise<boolean> {
    if (this.state !== 'stopped') return false
    const { clock } = this.#around
    this.state = 'pending'
    this.launchedAt = clock.now()
    await clock.sleep(stepUp(plus(clock.now(), PENDING_MS)))
    if (this.state !== 'pending') return false
    const away = this.#away
    this.state = 'running'
    this.#away = null
    const up = this.boot(BOOTING_MS)
    away?.over.resolve(up)
    return await up
  }

  /** What the root volume holds now. */
  rootContent(): RootContent {
    return { packages: this.#packages, disk: this.disk.copy() }
  }

  /** Boots from a new root volume that holds `content`; false when it was terminated meanwhile. */
  replaceRoot(content: RootContent, afterMs: Ms): Promise<boolean> {
    const { clock, seed } = this.#around
    const volumes = this.#attached()
    const [root] = volumes
    if (root) volumes[0] = { ...root, volume: `vol-${hexOf(17, seed, 'root', root.volume)}`, attachedAt: clock.now() }
    return (this.#up = this.#boot(afterMs, content))
  }

  #attached(): SimVolume[] {
    return (this.#volumes ??= volumesOf(this.birth, this.#around.seed))
  }

  /** Resolves when the boot that goes on has ended; to false when the node was terminated. */
  whenUp(): Promise<boolean> {
    return this.#up
  }

  #powerOff(at: Instant): void {
    this.#stops += 1
    this.#away = { since: at, over: Promise.withResolvers<boolean>() }
    this.#up = this.#away.over.promise
    this.#off = null
    this.power.abort('power')
    this.disk.lock = null
  }

  async #boot(afterMs: Ms, root: RootContent | null = null): Promise<boolean> {
    const { clock } = this.#around
    const since = clock.now()
    const until = stepUp(plus(since, afterMs))
    const stops = this.#stops
    this.#off = { since, until }
    this.power.abort('power')
    this.disk.lock = null
    await clock.sleep(until)
    if (root) {
      this.disk = root.disk.copy()
      this.install(root.packages)
    }
    if (this.state !== 'running' || this.#stops !== stops) return await this.whenUp()
    this.#off = null
    this.#bootedAt = until
    this.#boots += 1
    this.#bootId = null
    this.kernel = this.#newestKernel()
    this.power = new Stop()
    this.#coreChanged = false
    this.patching.booted(this.#packages, clock.now())
    loadLivePatches(this)
    this.agentReturns()
    return true
  }

  terminate(): void {
    this.state = 'terminated'
    this.#away?.over.resolve(false)
    this.#up = Promise.resolve(false)
    this.terminatedAt = this.#around.clock.now()
    this.power.abort('power')
    this.#around.real?.terminate(this)
  }

  /** The last moment at which SSM could hear it, or null while it can. */
  #silentSince(now: Instant): Instant | null {
    if (this.state !== 'running') return this.terminatedAt ?? this.#away?.since ?? this.launchedAt
    const faults = this.#around.faults()
    if (hits(faults.agents.offline, faults.seed, 'offline', this.node)) return plus(this.launchedAt, MINUTE)
    return this.#deadSince ?? this.#off?.since ?? this.#darkness(now)?.from ?? null
  }

  #backSince(now: Instant, from: Instant): Instant {
    let since = from
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
    return this.#broken || this.#ill('health') || this.#ill('reachability')
  }

  #ill(part: 'health' | 'reachability'): boolean {
    if (this.ills.size === 0) return false
    for (const [key, { version, breaks }] of this.ills) if (breaks === part && this.packages.get(key) === version) return true
    return false
  }

  #newestKernel(): string {
    return this.#around.repository(this.platform).kernelOf(this.#packages)
  }
}

/** The next whole step at or after an instant. */
export const stepUp = (at: Instant): Instant => instant(Math.ceil(at / STEP_MS) * STEP_MS)
