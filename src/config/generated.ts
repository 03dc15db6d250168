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
  }
  /**
   * Where journals, claims and leases are kept. `--store` and PATCHWAVE_STORE win over it.
   */
  store: string
}
