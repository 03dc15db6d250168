import type { Cell } from '../kit/ids.ts'
import type { WindowTimesRule } from '../core/runbook/runbook.ts'
import type { Instant } from '../kit/instant.ts'

/**
 * An SSM maintenance window as GetMaintenanceWindow shows it: duration in whole hours (1-24), cutoff too (0-23), UTC where SSM names no zone.
 * `start` of a `rate()` without a start date is the window's creation, from which SSM counts.
 */
export type NativeWindow = WindowTimesRule &
  Readonly<{
    /** `mw-` and 17 hexadecimal digits. */
    id: string
    name: string
    /** A disabled one never opens. */
    enabled: boolean
  }>

/** What a Change Calendar says of an instant: several are open only when all are. `until`: when that changes, as far as AWS knows. */
export type CalendarState = Readonly<{ open: boolean; until: Instant | null }>

/** Calendars that are kept elsewhere. */
export interface Calendars {
  /**
   * The window as it is now.
   * @looks
   * @throws `aws.missing` when there is no such window, and other `aws.*`
   */
  window(cell: Cell, id: string, signal: AbortSignal): Promise<NativeWindow>
  /**
   * Names or document ARNs of Change Calendars.
   * @looks
   * @throws `aws.missing`, `aws.invalid` when one is no Change Calendar, and other `aws.*`
   */
  state(cell: Cell, names: readonly string[], at: Instant, signal: AbortSignal): Promise<CalendarState>
}

/** Files that people keep beside their runbooks. */
export interface Files {
  /**
   * The text of a UTF-8 file; a relative path is meant from the working folder.
   * @looks
   * @throws `file.unreadable`
   */
  text(path: string): Promise<string>
}
