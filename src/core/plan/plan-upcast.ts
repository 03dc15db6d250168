import { MINUTE } from '../../kit/instant.ts'

type Fields = Readonly<{ [key: string]: unknown }>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * A plan as the first versions wrote it, in today's form: in memory only, after its digest was verified. Their windows had their times beside
 * their rules, and nothing of lateness, overlap, jitter, fit or freezes; their forecasts no median and no waves.
 */
export function upcastPlan(plan: Fields): Fields {
  const { content, forecast } = plan
  if (!isFields(content) || !isFields(content['runbook'])) return plan
  const { runbook } = content
  if ('inputs' in runbook) return plan
  const window = isFields(runbook['window']) ? upcastWindow(runbook['window']) : null
  return {
    ...plan,
    content: { ...content, runbook: { ...runbook, window, inputs: {} } },
    forecast: isFields(forecast) ? upcastForecast(forecast) : forecast,
  }
}

function upcastWindow({ schedule, timezone, durationMs, cutoffMs, ...rules }: Fields): Fields {
  return {
    times: { schedule, timezone, durationMs, cutoffMs, offsetDays: 0, start: null, end: null },
    ...rules,
    lateMs: 30 * MINUTE,
    overlap: 'queue',
    jitterMs: 0,
    fit: 'warn',
    freezes: [],
    breakFreeze: null,
  }
}

const upcastForecast = (forecast: Fields): Fields => ({
  medianMs: forecast['lowMs'],
  nodeHighMs: forecast['highMs'],
  waves: [],
  ...forecast,
})
