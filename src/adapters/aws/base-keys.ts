import type { Keys } from './sessions.ts'

/** The process's own credentials: the given ones, else what the SDK's chain finds (environment, profile, SSO, container, instance). */
export type BaseKeys = Readonly<{
  keys(): Promise<Keys>
  /** AWS calls them expired: the chain is read anew, since someone may have signed in again meanwhile. */
  expired(): void
}>

/** The chain is made and remembered once for all cells: it may run a process or call a metadata service. */
export function baseKeys(given: Keys | undefined, load: <T>(work: () => Promise<T>) => Promise<T>): BaseKeys {
  if (given) return { keys: () => Promise.resolve(given), expired: () => undefined }
  let chain: Promise<() => Promise<Keys>> | undefined
  return {
    async keys() {
      chain ??= load(async () => (await import('@aws-sdk/credential-providers')).fromNodeProviderChain())
      return await (
        await chain
      )()
    },
    expired() {
      chain = undefined
    },
  }
}
