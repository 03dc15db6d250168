import { parse } from 'yaml'
import { isRecord } from '../services/run-command-input.ts'

/** One `aws:runShellScript` of a document, with its parameters in place. */
export type Step = Readonly<{ name: string; script: string; seconds: number }>

/** Execution timeouts that the agent takes; anything else becomes the default (amazon-ssm-agent, pluginutil.go). */
const [SECONDS_MIN, SECONDS_MAX, SECONDS_DEFAULT] = [5, 172_800, 3_600]

/** What a Linux agent answers for `platformType` in a precondition. */
const PLATFORM = 'Linux'

/**
 * The steps of a command document (schema 2.2) that a Linux node runs, as the agent makes them: parameters are put in as text, nothing is
 * quoted. A string tells why the document cannot be run.
 */
export function stepsOf(content: string, parameters: Readonly<Record<string, string>>): readonly Step[] | string {
  const document = read(content)
  const steps: unknown = isRecord(document) ? document['mainSteps'] : undefined
  if (!Array.isArray(steps)) return 'the document has no mainSteps'
  const made: Step[] = []
  for (const [index, step] of steps.entries()) {
    if (!isRecord(step) || step['action'] !== 'aws:runShellScript') return `step ${String(index + 1)} is not aws:runShellScript`
    if (!isForLinux(step['precondition'])) continue
    const inputs = isRecord(step['inputs']) ? step['inputs'] : {}
    const lines = Array.isArray(inputs['runCommand']) ? inputs['runCommand'].map(String) : []
    made.push({
      name: typeof step['name'] === 'string' ? step['name'] : `step${String(index + 1)}`,
      script: `${lines.map((line) => filled(line, parameters)).join('\n')}\n`,
      seconds: secondsOf(inputs['timeoutSeconds'], parameters),
    })
  }
  return made
}

/** Documents of so many texts are kept as they were read: each of a command's nodes asks for the same one. */
const KEPT = 32
const READ = new Map<string, unknown>()

function read(content: string): unknown {
  if (READ.has(content)) return READ.get(content)
  const [oldest] = READ.keys()
  if (READ.size >= KEPT && oldest !== undefined) READ.delete(oldest)
  const document: unknown = parse(content)
  READ.set(content, document)
  return document
}

/** `{{ Name }}` becomes the parameter's value, as it is; what no parameter is called stays. */
const filled = (text: string, parameters: Readonly<Record<string, string>>): string =>
  text.replace(/\{\{\s*(\w+)\s*\}\}/g, (reference, name: string) =>
    Object.hasOwn(parameters, name) ? (parameters[name] ?? '') : reference,
  )

function secondsOf(given: unknown, parameters: Readonly<Record<string, string>>): number {
  const text = typeof given === 'number' ? String(given) : typeof given === 'string' ? filled(given, parameters) : ''
  const seconds = /^[0-9]+$/.test(text) ? Number(text) : SECONDS_DEFAULT
  return seconds >= SECONDS_MIN && seconds <= SECONDS_MAX ? seconds : SECONDS_DEFAULT
}

function isForLinux(precondition: unknown): boolean {
  const pair: unknown = isRecord(precondition) ? precondition['StringEquals'] : undefined
  if (!Array.isArray(pair)) return true
  const [left, right] = pair.map((side: unknown) => (side === 'platformType' ? PLATFORM : side))
  return left === right
}
