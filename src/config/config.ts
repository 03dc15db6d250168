import type { Ms } from '../kit/instant.ts'

/** What the engine knows of its surroundings: merged, validated, complete. Made by `loadConfig` only. */
export type Config = Readonly<{
  /** Where baselines, the feedback queue and the event queues live. */
  control: Readonly<{ /** 12 digits. */ account: string; /** Its home region. */ region: string }>
  /** The accounts that hold nodes, by the names that runbooks use. */
  accounts: Readonly<Record<string, Account>>
  /** Who may approve, by the names that runbooks use. */
  groups: Readonly<Record<string, Group>>
  /** Tag of a node that names its image lineage where the AMI itself does not lead to a tested one; null: none does. */
  imageLineageTag: string | null
  /** Name of the queue of SSM status events, the same in each region of the control account, and the queue of its home region for what cannot be read; null: the engine only polls. */
  events: Readonly<{ queue: string; refused: string | null }> | null
  /** Freezes that hold for every runbook, as a runbook writes them under `window.freezes`. */
  freezes: readonly (string | Readonly<{ from: string; to: string }>)[]
  /** Queue of trigger messages, and the queue that takes those that are refused; null: nobody triggers by message. */
  triggers: Readonly<{ queue: string; refused: string | null }> | null
  /** How long a node may wait for a reboot before it counts as overdue. */
  debt: Readonly<{ rebootWithinMs: Ms }>
  /** Where override lists for AWS-RunPatchBaseline are put, `{region}` standing for the nodes' Region; null: nowhere. */
  patchManager: Readonly<{ bucket: string }> | null
  /** Folders or files whose runbooks `serve` schedules. */
  runbooks: readonly string[]
  /** Path of the SQLite file, or `postgres://…`. A relative path is meant from the working folder. */
  store: string
  /** Regions that runbooks may name. */
  regions: readonly string[]
}>

export type Account = Readonly<{
  /** 12 digits. */
  id: string
  /** ARN of the role that is assumed there; null: the process's own credentials. */
  role: string | null
  /** External id that the role's trust policy asks for. */
  externalId: string | null
}>

export type Group = Readonly<{
  /** GetCallerIdentity ARNs or OIDC subjects. */
  members: readonly string[]
}>
