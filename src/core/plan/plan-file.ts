import { PatchwaveError } from '../../kit/error.ts'
import { canonicalDigest } from './canonical.ts'
import { upcastPlan } from './plan-upcast.ts'
import type { Plan } from './plan.ts'

/** A plan as its file has it: indented JSON, ended by LF. */
export const planText = (plan: Plan): string => `${JSON.stringify(plan, null, 2)}\n`

/**
 * Reads what `planText` wrote and verifies it against its digest. The digest proves that nothing was damaged, not who made it: that is
 * what approvals are for.
 * A plan of an earlier version is read in today's form: its content has its digest no more, and no new run can begin from it.
 * @throws `plan.invalid`
 */
export function readPlan(text: string): Plan {
  const value = parsed(text)
  if (!isFields(value) || !isFields(value['content'])) throw damaged('it is no plan')
  const { content } = value
  if (content['v'] !== 1)
    throw new PatchwaveError('plan.invalid', 'the plan was made by a newer version', { hint: 'run it with the version that made it' })
  if (canonicalDigest(content) !== value['digest']) throw damaged('its content does not have its digest')
  const today = upcastPlan(value)
  if (!isPlan(today)) throw damaged('something is missing in it')
  return today
}

const LISTS = ['nodes', 'groups', 'waves', 'lists', 'before', 'after']
const BESIDE = ['worstCase', 'windows', 'irreversible', 'warnings']

/** The digest stands for the rest: content that has it was made by `makePlan`, whose type it then has. */
function isPlan(value: unknown): value is Plan {
  if (!isFields(value) || !isFields(value['content'])) return false
  const { content } = value
  const lists = LISTS.every((key) => Array.isArray(content[key])) && BESIDE.every((key) => Array.isArray(value[key]))
  const records = [
    content['runbook'],
    content['checks'],
    content['rollback'],
    content['documents'],
    value['headline'],
    value['forecast'],
    value['calls'],
  ].every(isFields)
  return lists && records && typeof value['madeAt'] === 'number' && positionsFit(content)
}

function positionsFit(content: Fields): boolean {
  const [nodes, groups, lists, waves] = [content['nodes'], content['groups'], content['lists'], content['waves']]
  if (!areRows(nodes) || !areRows(groups) || !areRows(lists) || !areRows(waves)) return false
  const inside = (position: unknown, of: readonly Fields[]): boolean =>
    typeof position === 'number' && Number.isInteger(position) && position >= 0 && position < of.length
  const all = (positions: unknown, of: readonly Fields[]): boolean =>
    Array.isArray(positions) && positions.every((position) => inside(position, of))
  return (
    nodes.every((node) => all(node['groups'], groups) && (node['list'] === null || inside(node['list'], lists))) &&
    waves.every((wave) => all(wave['nodes'], nodes) && isFields(wave['gate']))
  )
}

type Fields = Readonly<{ [key: string]: unknown }>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

const areRows = (value: unknown): value is Fields[] => Array.isArray(value) && value.every(isFields)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new PatchwaveError('plan.invalid', 'the plan file is damaged: it is not JSON', { hint: 'make the plan anew', cause })
  }
}

const damaged = (why: string): PatchwaveError =>
  new PatchwaveError('plan.invalid', `the plan file is damaged: ${why}`, { hint: 'make the plan anew' })
