import { DAY, isoSeconds, MINUTE, plus, type Instant, type Ms } from '../../kit/instant.ts'
import type { Fit, Forecast, Plan } from '../../core/plan/plan.ts'
import { zoneNamed } from '../../core/plan/zone.ts'
import type { Paint } from './paint.ts'
import { plain, span, table } from './text.ts'

/** When the run ends and its waves pass, on the clock of the window's zone and in UTC; as spans where no window is known. */
export function forecastLines({ forecast, fit, zone = 'UTC' }: Plan, paint: Paint): string[] {
  const lines = fit === undefined ? spanLines(forecast) : clockLines(forecast, fit, zone, paint)
  return [...lines, `95 of 100 nodes are changed within ${about(forecast.nodeHighMs)}`, `(${plain(forecast.basis)})`]
}

type Interval = Pick<Forecast, 'lowMs' | 'medianMs' | 'highMs'>

function spanLines(forecast: Forecast): string[] {
  const rows = forecast.waves.map((wave) => [`  ${wave.wave}`, `passes after ${spans(wave)}`, `half within ${about(wave.medianMs)}`])
  return [`takes ${spans(forecast)} (90 %), half within ${about(forecast.medianMs)}`, ...(rows.length > 1 ? table(rows) : [])]
}

const spans = ({ lowMs, highMs }: Interval): string => `${about(lowMs)} to ${about(highMs)}`

/** To the minute: no forecast knows seconds. */
const about = (ms: Ms): string => (ms < MINUTE ? span(ms) : span(Math.round(ms / MINUTE) * MINUTE))

function clockLines(forecast: Forecast, fit: Fit, zone: string, paint: Paint): string[] {
  const local = new Face(zone, fit.startAt)
  const utc = new Face('UTC', fit.startAt)
  const verdict = fit.fits ? paint.done('fits') : paint.bad(`does not fit: ${fit.why}`)
  const rows = forecast.waves.map((wave) => [`  ${wave.wave}`, `passes ${local.interval(wave)}`, `half by ${local.after(wave.medianMs)}`])
  return [
    `begins ${local.day} ${local.at(fit.startAt)} ${zone}${zone === 'UTC' ? '' : ` (${isoSeconds(fit.startAt)})`}`,
    `ends ${local.interval(forecast)} (90 %), half by ${local.after(forecast.medianMs)}; window closes ${local.at(fit.closes)}: ${verdict}`,
    ...(zone === 'UTC'
      ? []
      : [`in UTC: ends ${utc.interval(forecast)}, half by ${utc.after(forecast.medianMs)}; window closes ${utc.at(fit.closes)}`]),
    ...(rows.length > 1 ? table(rows) : []),
  ]
}

/** Times of day in one zone; those of another day than the start's say so. */
class Face {
  readonly #zone: string
  readonly #start: Instant

  constructor(zone: string, start: Instant) {
    this.#zone = zone
    this.#start = start
  }

  get day(): string {
    return this.#wall(this.#start).toISOString().slice(0, 10)
  }

  at(instant: Instant): string {
    const days = this.#days(instant) - this.#days(this.#start)
    return `${this.#wall(instant).toISOString().slice(11, 16)}${days > 0 ? ` (+${String(days)}d)` : ''}`
  }

  after(ms: Ms): string {
    return this.at(plus(this.#start, ms))
  }

  interval({ lowMs, highMs }: Interval): string {
    return `${this.after(lowMs)}-${this.after(highMs)}`
  }

  #days(instant: Instant): number {
    return Math.floor(this.#wall(instant).getTime() / DAY)
  }

  #wall(instant: Instant): Date {
    return new Date(zoneNamed(this.#zone).wall(instant))
  }
}
