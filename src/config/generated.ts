/* Made by scripts/gen-schemas.ts from schema.ts beside it. Do not edit: change the schema and run `npm run gen`. */

/**
 * Which accounts there are, who may decide, and where the engine keeps its things.
 */
export interface ConfigDocument {
  /**
   * Version of the language.
   */
  apiVersion: 'patchwave/v1'
  /**
   * What kind of document this is.
   */
  kind: 'Config'
  /**
   * The account and home region where baselines and the feedback queue live.
   */
  control: {
    /**
     * Id of the control account.
     */
    account: string
    /**
     * Its home region.
     */
    region: string
  }
  /**
   * The accounts that hold nodes, by the names that runbooks use.
   */
  accounts: {
    [k: string]: {
      /**
       * The account id.
       */
      id: string
      /**
       * Role that is assumed there; left out, the process’s own credentials are used.
       */
      role?: string
      /**
       * External id that the role’s trust policy asks for.
       */
      externalId?: string
    }
  }
  /**
   * Who may approve, by the names that runbooks use.
   */
  groups: {
    [k: string]: {
      /**
       * Who belongs to it: each one’s ARN as GetCallerIdentity answers it, or the subject of an OIDC token.
       */
      members: string[]
    }
  }
  /**
   * Regions that runbooks may name.
   */
  regions: string[]
  /**
   * Tag of a node that names its image lineage, where the AMI itself does not lead to a tested one.
   */
  imageLineageTag?: string
  /**
   * Status events of SSM. Left out, the engine only polls.
   */
  events?: {
    /**
     * SQS queue of this name in the control account, in each region of the fleet: EventBridge does not cross regions.
     */
    queue: string
    /**
     * SQS queue of the control account’s home region to which what cannot be read goes, with the reason; may be the one of `triggers`. Left out, it stays for the redrive of the queue it is in.
     */
    refused?: string
  }
  /**
   * When nothing may start, whatever the runbook. Days count in the zone of the runbook’s window, both included. Files are iCalendar, relative to the working folder; Change Calendars are those of the control account.
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
  /**
   * Messages that start runbooks, from a queue in the control account and its home region. Left out, nobody starts one by message.
   */
  triggers?: {
    /**
     * SQS queue from which `serve` takes them; standard or FIFO.
     */
    queue: string
    /**
     * SQS queue to which those go that are refused, with the reason. Left out, they are only told in the log.
     */
    refused?: string
  }
  /**
   * For runbooks that apply with `patch-manager`: where their override lists are put. Left out, such a runbook cannot be planned.
   */
  patchManager?: {
    /**
     * Bucket of the control account, one in each region of the fleet if `{region}` stands in its name. Every node must be allowed to read it.
     */
    bucket: string
  }
  /**
   * Folders and files whose runbooks `serve` schedules and starts by message, relative to the working folder.
   */
  runbooks: string[]
  /**
   * When a reboot that is owed becomes non-compliance.
   */
  debt: {
    /**
     * How long a node may wait for a reboot, from the first report that asks for it.
     */
    rebootWithin: string
  }
  /**
   * Where journals, claims and leases are kept. `--store` and PATCHWAVE_STORE win over it.
   */
  store: string
}
