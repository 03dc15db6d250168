import { schedule } from 'node-cron'
import type { Log } from '../../ports/log.ts'

/**
 * Calls `beat` whenever the cron expression fits, in UTC; a beat that is still busy is not doubled. Only a heartbeat: what is due is computed
 * from the schedules themselves, so a beat that is missed or comes twice changes nothing. A failed beat is logged and the next one comes.
 */
export function startHeartbeat(expression: string, beat: () => Promise<void>, log: Log): { stop(): Promise<void> } {
  const task = schedule(
    expression,
    async () => {
      try {
        await beat()
      } catch (error) {
        log.warn(`the scheduler's beat failed: ${error instanceof Error ? error.message : 'unknown reason'}`)
      }
    },
    { timezone: 'UTC', noOverlap: true, suppressMissedWarning: true },
  )
  return {
    async stop() {
      await task.destroy()
    },
  }
}
