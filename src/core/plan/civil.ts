import { DAY, type Ms } from '../../kit/instant.ts'

/**
 * What a clock on a wall shows, as milliseconds since its own 1970-01-01T00:00:00. It is no instant: a zone makes one of it, or none, or two.
 */
export type Wall = number & { readonly __brand: 'Wall' }

/** Brands whole milliseconds of a wall clock. */
export const wall = (ms: Ms): Wall => ms as Wall

/** A date and a time of day without a zone, as people write them. */
export type LocalTime = Readonly<{ year: number; month: number; day: number; hour: number; minute: number; second: number }>

/** A day as people write it; 1 is January. */
export type Civil = Readonly<{ year: number; month: number; day: number }>

/** The calendar repeats every 400 years, which are this many days. */
const ERA_DAYS = 146_097
/** Days from 1 March of the year 0 to 1970-01-01. Years are counted from March, so that the leap day is their last. */
const EPOCH_DAYS = 719_468

/** Days since 1970-01-01, negative before it. */
export function dayNumber(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year
  const monthsSinceMarch = (month + 9) % 12
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400)
  return 365 * marchYear + leapDays + daysBeforeMonth(monthsSinceMarch) + day - 1 - EPOCH_DAYS
}

/** The day that is so many days after 1970-01-01. */
export function civilOf(days: number): Civil {
  const sinceMarch = days + EPOCH_DAYS
  const era = Math.floor(sinceMarch / ERA_DAYS)
  const dayOfEra = sinceMarch - era * ERA_DAYS
  const leapDays = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthsSinceMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = ((monthsSinceMarch + 2) % 12) + 1
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
  return { year, month, day: dayOfYear - daysBeforeMonth(monthsSinceMarch) + 1 }
}

/** From March on, months have 31, 30, 31, 30, 31 days and again: 153 in five. */
const daysBeforeMonth = (monthsSinceMarch: number): number => Math.floor((153 * monthsSinceMarch + 2) / 5)

/** Weekday of a day number, SUN = 1 as maintenance windows count. 1970-01-01 was a Thursday. */
export const weekdayOf = (days: number): number => ((((days + 4) % 7) + 7) % 7) + 1

/** Days of a month, 1 = January. */
export function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** The wall clock at a date and time of day. */
export function wallOf({ year, month, day, hour, minute, second }: LocalTime): Wall {
  return wall(dayNumber(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1_000)
}

/** The date that a wall clock shows. */
export const dateOf = (at: Wall): Civil => civilOf(Math.floor(at / DAY))

/** `2026-03-08T02:30:00`, without a zone; fractions of a second are left out. */
export const wallText = (at: Wall): string => `${dateText(dateOf(at))}T${timeText(at)}`

/** `2026-03-08`. */
export const dateText = ({ year, month, day }: Civil): string => `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`

/** `02:30:00`. */
export function timeText(at: Wall): string {
  const seconds = Math.floor((at - Math.floor(at / DAY) * DAY) / 1_000)
  return [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => padded(part, 2)).join(':')
}

const padded = (value: number, width: number): string => String(value).padStart(width, '0')
