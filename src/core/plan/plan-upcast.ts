import { NOTHING_AROUND, PLAIN_WINDOW } from '../runbook/runbook.ts'

type Fields = Readonly<{ [key: string]: unknown }>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A plan as an earlier version wrote it, in today's form: in memory only, after its digest was verified. */
export function upcastPlan(plan: Fields): Fields {
  return withNodeRules(withWindowRules(plan))
}

/** Before hooks, drain, power, backup, kernel and isolation there were none, and kernels were installed like other packages. */
function withNodeRules(plan: Fields): Fields {
  const { content } = plan
  if (!isFields(content) || !isFields(content['runbook']) || 'hooks' in content['runbook']) return plan
  const { runbook } = content
  const { patches, test } = runbook
  return {
    ...plan,
    content: {
      ...content,
      runbook: {
        ...runbook,
        patches: isFields(patches) ? { ...patches, kernel: 'install' } : patches,
        test: isFields(test) ? { ...test, onFailure: 'stop' } : test,
        ...NOTHING_AROUND,
      },
    },
  }
}

/** The first windows had their times beside their rules, and nothing of lateness, overlap, jitter, fit or freezes; forecasts no median and no waves. */
function withWindowRules(plan: Fields): Fields {
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
    ...PLAIN_WINDOW,
    ...rules,
  }
}

const upcastForecast = (forecast: Fields): Fields => ({
  medianMs: forecast['lowMs'],
  nodeHighMs: forecast['highMs'],
  waves: [],
  ...forecast,
})
