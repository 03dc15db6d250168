import { PatchwaveError } from '../../kit/error.ts'
import { cellKey, type Cell } from '../../kit/ids.ts'
import { instant, type Instant } from '../../kit/instant.ts'
import type { Identity } from '../../ports/world.ts'
import type { Calls } from './calls.ts'

/** Who the process is, asked of STS in the home region. */
export function identityOver(calls: Calls, home: Cell): Identity {
  return {
    async caller(signal) {
      const seen: { awsNow: Instant | null } = { awsNow: null }
      const date = (header: string): void => {
        const epochMs = Date.parse(header)
        if (!Number.isNaN(epochMs)) seen.awsNow = instant(epochMs)
      }
      const call = { cell: home, operation: 'GetCallerIdentity', kind: 'read', signal, date } as const
      const answer = await calls.sts(call, ({ sdk, client, options }) => client.send(new sdk.GetCallerIdentityCommand({}), options))
      const { Arn: arn, Account: account, UserId: userId } = answer
      if (arn !== undefined && account !== undefined && userId !== undefined) return { arn, account, userId, awsNow: seen.awsNow }
      throw new PatchwaveError('aws.denied', `sts.GetCallerIdentity in ${cellKey(home)} does not say who we are`, {
        hint: 'check the credentials: `aws sts get-caller-identity`',
        detail: { cell: cellKey(home), call: 'sts.GetCallerIdentity' },
      })
    },
  }
}
