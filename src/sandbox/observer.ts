import { InvalidDocument } from '../kit/error.ts'
import { iso } from '../kit/instant.ts'
import { parseFaults } from './faults.ts'
import type { Sandbox } from './sandbox.ts'

export type Observation = Readonly<{ status: number; body: unknown }>

/** Where the observer's paths begin. No AWS service has any below it. */
export const OBSERVER_PATH = '/_sandbox/'

type Look = (sandbox: Sandbox, body: string, speed: number) => unknown

const LOOKS: Readonly<Record<string, Look>> = {
  'GET ledger': (sandbox) => sandbox.ledger(),
  'GET nodes': (sandbox) => sandbox.look(),
  'GET calls': (sandbox) => sandbox.calls(),
  'GET clock': ({ clock }, _, speed) => ({ now: iso(clock.now()), speed }),
  'GET urls': (sandbox) => sandbox.urls(),
  'GET identities': (sandbox) => sandbox.identities(),
  'POST faults': (sandbox, body) => {
    sandbox.setFaults(body.trim() === '' ? null : parseFaults(body, 'faults'))
    return { ok: true }
  },
  'POST reset': (sandbox, body) => {
    sandbox.reset({ empty: wantsEmpty(body) })
    return { ok: true }
  },
}

/**
 * Answers an observer beside the AWS protocols. `POST faults` takes a fault file (YAML or JSON; nothing: no faults), `POST reset` takes
 * `{"empty":true}` for an AWS without nodes.
 */
export async function observe(
  sandbox: Sandbox,
  request: Readonly<{ method: string; path: string; body: string }>,
  speed: number,
): Promise<Observation> {
  const name = request.path.slice(OBSERVER_PATH.length).split('?')[0] ?? ''
  const key = `${request.method} ${name}`
  const look = Object.hasOwn(LOOKS, key) ? LOOKS[key] : undefined
  if (!look) return { status: 404, body: { error: `no such observation: ${key}`, known: Object.keys(LOOKS) } }
  try {
    return { status: 200, body: await look(sandbox, request.body, speed) }
  } catch (error) {
    if (error instanceof InvalidDocument) return { status: 400, body: { error: error.message, diagnostics: error.diagnostics } }
    if (error instanceof SyntaxError) return { status: 400, body: { error: 'the body is not well-formed JSON' } }
    throw error
  }
}

function wantsEmpty(body: string): boolean {
  if (body.trim() === '') return false
  const wish: unknown = JSON.parse(body)
  return typeof wish === 'object' && wish !== null && 'empty' in wish && wish.empty === true
}
