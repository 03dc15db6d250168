/* Made by scripts/gen-schemas.ts from schema.ts beside it. Do not edit: change the schema and run `npm run gen`. */

export type Name = string
export type Region = string
export type Duration = string
export type Glob = string
export type CheckNames = Name[]
/**
 * One health measurement, by its `type`.
 */
export type Check =
  | {
      type: 'agent-ping'
    }
  | {
      type: 'instance-status'
    }
  | {
      type: 'script'
      /**
       * Absolute path on the node. It gets no arguments.
       */
      run: string
      timeout: Duration
    }
  | {
      type: 'http'
      /**
       * Address without user name and password.
       */
      url: string
      within: Duration
      /**
       * The status that means healthy.
       */
      status: number
    }
export type Grouping = string
export type PositiveAmount = number | string
export type Disruption = {
  per: Grouping
  atMost?: PositiveAmount
  /**
   * Only one value may have nodes out of service at a time. Instead of `atMost`.
   */
  oneAtATime?: true
}[]
export type Amount = number | string
export type PositiveShare = string
export type Share = string

/**
 * What should happen to a fleet, declaratively.
 */
export interface RunbookDocument {
  /**
   * Version of the language.
   */
  apiVersion: 'patchwave/v1'
  /**
   * What kind of document this is.
   */
  kind: 'Runbook'
  /**
   * A base file, relative to this one. Maps merge, lists are replaced; one level: the base extends nothing itself.
   */
  extends?: string
  /**
   * What it is called and whose it is.
   */
  metadata: {
    name: Name
    /**
     * One line for people.
     */
    title?: string
    /**
     * Who answers for it.
     */
    owner?: string
  }
  /**
   * What is asked for when the runbook is started. `${inputs.<name>}` stands for the value in any text below; `$${` writes `${`.
   */
  inputs: {
    /**
     * A value that is asked for when the runbook is started. It is on record and part of the plan’s digest, so it is never secret.
     */
    [k: string]: {
      /**
       * What it is: one line of text, a whole number, or `true` or `false`.
       */
      type: 'string' | 'integer' | 'boolean'
      /**
       * What is asked for, for people.
       */
      description?: string
      /**
       * A text must match it as a whole. JavaScript’s grammar, without references, look-around and `\b`.
       */
      pattern?: string
      /**
       * The only values that may be given.
       */
      values?: (string | number)[]
      /**
       * The least whole number.
       */
      minimum?: number
      /**
       * The greatest whole number.
       */
      maximum?: number
      /**
       * Whether it must be given. Left out: it must, unless there is a default; with one it need not.
       */
      required?: boolean
      /**
       * The value when none is given.
       */
      default?: string | number | boolean
    }
  }
  /**
   * The nodes that this runbook may ever touch.
   */
  scope: {
    /**
     * Accounts by their names in the config.
     */
    accounts: Name[]
    /**
     * Regions, in each of the accounts.
     */
    regions: Region[]
    match?: Match
    exclude?: Match
  }
  /**
   * When the rollout may change nodes; the trial runs before it. Without it the runbook runs by hand only.
   */
  window?: {
    /**
     * When it opens, in the grammar of AWS maintenance windows. Must be there, unless `native` is.
     */
    schedule?: string
    /**
     * IANA name of the zone in which the schedule is meant.
     */
    timezone: string
    duration?: Duration
    cutoff: Duration
    /**
     * Days after each hit of the cron expression, 0 to 6: the day after the second Tuesday is TUE#2 and 1.
     */
    offset: number
    /**
     * It opens at this instant at the earliest, and rate() counts from it; without it rate() counts from when it is asked.
     */
    start?: string
    /**
     * It opens only before this instant.
     */
    end?: string
    /**
     * Take schedule, zone, duration, cutoff and offset from this SSM maintenance window of the control account, as it stands when it is asked. Instead of those keys.
     */
    native?: string
    /**
     * What becomes of nodes that were not reached: `stop` leaves them to the next run’s plan, `next-window` goes on with this one.
     */
    unfinished: 'stop' | 'next-window'
    /**
     * An opening at a local time that a clock change leaves out: `next-valid` opens at the next one that there is, `skip` not.
     */
    onGap: 'next-valid' | 'skip'
    /**
     * An opening at a local time that a clock change repeats opens at the first or the second of the two, never at both.
     */
    onOverlap: 'first' | 'second'
    late: Duration
    /**
     * What an opening does while the last run is unfinished: `queue` waits for its end, `skip` leaves the opening out, `cancel-running` aborts that run, without cutting anything off.
     */
    overlap: 'queue' | 'skip' | 'cancel-running'
    jitter: Duration
    /**
     * What becomes of a plan that is predicted not to fit the window: `warn` tells, `refuse` does not begin it, `trim` leaves out nodes from its end.
     */
    fit: 'warn' | 'refuse' | 'trim'
    /**
     * When nothing may start, beside the freezes of the config. Days count in the window’s zone, both included. Files are iCalendar, relative to the working folder; Change Calendars are those of the control account.
     */
    freezes: (
      | string
      | {
          /**
           * Its first day, or the instant at which it begins.
           */
          from: string
          /**
           * Its last day, or the instant at which it is over.
           */
          to: string
        }
    )[]
    breakFreeze?: Approval
  }
  /**
   * Which missing patches are candidates. Without it nothing is installed: the run is a scan.
   */
  patches?: {
    /**
     * A patch is a candidate when one rule fits it: every key of that rule.
     */
    approve: {
      /**
       * Kinds of patches.
       */
      classification?: ('Security' | 'Bugfix' | 'Enhancement' | 'Recommended' | 'Newpackage')[]
      /**
       * How bad what they mend is.
       */
      severity?: ('Critical' | 'Important' | 'Medium' | 'Low' | 'None')[]
      releasedFor?: Duration
      /**
       * Patches that mend one of these.
       */
      cves?: string[]
      /**
       * Patches that one of these advisories brought.
       */
      advisories?: string[]
      /**
       * Packages of these names.
       */
      names?: Glob[]
    }[]
    /**
     * Packages that are never installed, whatever approves them.
     */
    reject: Glob[]
    /**
     * Whether a node is rebooted after its patches: `if-needed` when the system says so.
     */
    reboot: 'never' | 'if-needed' | 'always'
    /**
     * What becomes of kernel packages: `install` them like others (they run after a reboot), `hold` them all back, or `live-patch` the running kernel instead (Amazon Linux).
     */
    kernel: 'install' | 'hold' | 'live-patch'
  }
  /**
   * The trial, in the lower environment. Without it the newest approved baseline is used.
   */
  test?: {
    match: Match
    lead: Duration
    /**
     * How many nodes are tested for each image.
     */
    perAmi: number
    soak: Duration
    checks: CheckNames
    /**
     * After a failed trial: `stop`, or `isolate` the patches that break it, quarantine them and go on with the rest.
     */
    onFailure: 'stop' | 'isolate'
  }
  /**
   * Where the tested list is stored, or `none`: what `patches` approves is resolved when the plan is made, and is UNTESTED everywhere.
   */
  baseline:
    | string
    | {
        /**
         * Parameter Store path in the control account. {runbook}, {account} and {image} are filled in; the last two must be there.
         */
        path: string
        maxAge: Duration
        approval?: Approval
      }
  /**
   * Health measurements, by the names under which gates use them.
   */
  checks: {
    [k: string]: Check
  }
  disruption: Disruption
  /**
   * The stages of the rollout, in order.
   */
  waves: {
    name: Name
    /**
     * Which nodes: a count, or a share of what is left when the plan is made, rounded up; `rest`: all that is left, in the last wave only; or those that `match` selects.
     */
    take:
      | number
      | string
      | {
          match: Match
        }
    /**
     * Take nodes from as many values of these as the number allows; the plan says what is not represented.
     */
    spread: Grouping[]
    concurrency: PositiveAmount
    disruption: Disruption
    /**
     * What must hold before the next wave starts.
     */
    gate: {
      failures: Amount
      /**
       * Narrows concurrency so that at most `failures` + 1 nodes can ever fail. Slower.
       */
      hard: boolean
      bake: Duration
      checks: CheckNames
      evidence?: PositiveShare
      approval?: Approval
      holdFor?: Duration
    }
  }[]
  /**
   * With what patches are installed.
   */
  apply: {
    /**
     * `baseline-document`: Patchwave’s own document installs exactly the list. `patch-manager`: AWS-RunPatchBaseline does, with an override list and NoReboot; it cannot tell a repeat, so an unclear send counts as unknown and is never sent again.
     */
    with: 'baseline-document' | 'patch-manager'
  }
  /**
   * What runs on each node around its change, in the trial, in waves and in rollback.
   */
  hooks: {
    /**
     * Before the node is changed.
     */
    beforeNode?: {
      /**
       * A Command document that exists in each account and region of the scope. It gets no parameters. Instead of `script`.
       */
      document?: string
      /**
       * A script that is on the nodes. It gets no arguments. Instead of `document`.
       */
      script?: string
      timeout: Duration
      /**
       * What its failure does to the node; `skip-node` when left out. `stop-wave` also starts nothing more in the wave, whose gate then fails.
       */
      onFailure?: 'skip-node' | 'fail-node' | 'stop-wave'
    }
    /**
     * After the node has been changed well.
     */
    afterNode?: {
      /**
       * A Command document that exists in each account and region of the scope. It gets no parameters. Instead of `script`.
       */
      document?: string
      /**
       * A script that is on the nodes. It gets no arguments. Instead of `document`.
       */
      script?: string
      timeout: Duration
      /**
       * What its failure does to the node; `fail-node` when left out. `stop-wave` also starts nothing more in the wave, whose gate then fails.
       */
      onFailure?: 'fail-node' | 'stop-wave'
    }
    /**
     * Always, once a node was begun: also after a failure, an abort or a crash.
     */
    onExit?: {
      /**
       * A Command document that exists in each account and region of the scope. It gets no parameters. Instead of `script`.
       */
      document?: string
      /**
       * A script that is on the nodes. It gets no arguments. Instead of `document`.
       */
      script?: string
      timeout: Duration
      /**
       * What its failure does to the node; `fail-node` when left out. `stop-wave` also starts nothing more in the wave, whose gate then fails.
       */
      onFailure?: 'fail-node' | 'stop-wave'
    }
  }
  /**
   * Each node is taken out of service before it is changed, and put back afterwards. Not at all when left out.
   */
  drain?: {
    /**
     * `auto`: out of every load balancer target group that it is in, and back into the same.
     */
    targetGroups: 'auto' | 'none'
    /**
     * How long connections may drain: as long as each target group says, or so long at most.
     */
    wait: string
    /**
     * `standby`: a member of an Auto Scaling group is in standby meanwhile, so that the group does not replace it.
     */
    autoScaling: 'standby' | 'leave'
  }
  /**
   * What becomes of nodes that are stopped.
   */
  power: {
    /**
     * `skip` them, or `start-and-restore`: start them for the change and stop them again.
     */
    stopped: 'skip' | 'start-and-restore'
  }
  /**
   * A copy of each node from before its first change. None when left out.
   */
  backup?: {
    /**
     * EBS snapshots of all volumes, crash-consistent.
     */
    method: 'snapshot'
    keep: Duration
  }
  /**
   * What happens when a gate fails.
   */
  rollback: {
    /**
     * `gate-failed` rolls back by itself, `manual` waits for someone to say so, `never` refuses it.
     */
    on: 'gate-failed' | 'never' | 'manual'
    /**
     * The failed wave only, or the whole run, newest wave first.
     */
    scope: 'wave' | 'run'
    /**
     * `packages` restores the versions that each node had before, `root-volume` replaces its root volume by a snapshot taken before (the node reboots), `none` has nothing to undo with.
     */
    method: 'packages' | 'root-volume' | 'none'
    /**
     * Whether it may run when the window has closed, or must ask.
     */
    outside: 'allow' | 'ask'
    failures: Amount
  }
  /**
   * Where transitions are published.
   */
  feedback?: {
    /**
     * SQS FIFO queue in the control account and its home region.
     */
    queue: string
    /**
     * How much is told: transitions of the run, of its waves too, or of every node too.
     */
    detail: 'run' | 'wave' | 'node'
  }
  /**
   * How much one run may touch at all; a plan beyond it is refused.
   */
  limit: {
    /**
     * Nodes at most.
     */
    nodes?: number
    share: PositiveShare
  }
  /**
   * How much may fail over the whole run, beside what each gate allows.
   */
  budget?: {
    failures: Amount
  }
  before: CheckSet
  after: CheckSet
  approval?: Approval
  /**
   * Further attempts on a node that failed before anything on it was changed. None when left out.
   */
  retry?: {
    /**
     * Attempts in all, the first one included.
     */
    attempts: number
    /**
     * After which reasons.
     */
    on: ('lock-held' | 'repository-unreachable' | 'checksum' | 'dependency' | 'disk-full')[]
  }
  drift: Share
}
/**
 * Which nodes are meant: every key that is present must fit, and of a list one value is enough.
 */
export interface Match {
  /**
   * Operating systems.
   */
  platform?: ('amazon-linux-2023' | 'amazon-linux-2' | 'ubuntu' | 'debian')[]
  tags?: Tags
  /**
   * Images that the nodes run, by AMI id.
   */
  images?: string[]
  /**
   * Single nodes, by instance id or hybrid node id.
   */
  nodes?: string[]
  /**
   * Accounts, out of those in `scope.accounts`.
   */
  accounts?: Name[]
  /**
   * Regions, out of those in `scope.regions`.
   */
  regions?: Region[]
}
/**
 * Tags that a node must have, all of them. Of several values one is enough; `*` and `?` are wildcards. Keys are exact.
 */
export interface Tags {
  [k: string]: string | string[]
}
/**
 * People who must agree. The one who asked does not count, and nobody counts twice.
 */
export interface Approval {
  group: Name
  /**
   * How many of them must agree.
   */
  count: number
  expires: Duration
}
export interface CheckSet {
  checks: CheckNames
}
