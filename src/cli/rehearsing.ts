import { MINUTE, plus, type Instant } from '../kit/instant.ts'
import { calendarRule, nextOpenings } from '../core/plan/calendar.ts'
import type { Fact } from '../core/run/event.ts'
import type { RunState } from '../core/run/state.ts'
import type { Runbook } from '../core/runbook/runbook.ts'
import { leaveNote } from '../engine/inbox.ts'
import type { World } from '../engine/world.ts'

/** When a rehearsal begins: a minute before the first thing that is due after `start`; at once for a runbook without a window. */
export function startOf(runbook: Pick<Runbook, 'window' | 'test' | 'patches' | 'baseline'>, start: Instant): Instant {
  const { window, test, patches, baseline } = runbook
  // An SSM maintenance window is read when the run asks for it: then the rehearsal begins at once.
  if (window === null || 'native' in window.times) return start
  const leadMs = test !== null && patches !== null && baseline !== 'none' ? test.leadMs : 0
  const [opening] = nextOpenings(calendarRule(window, window.times), plus(start, leadMs), 1)
  return opening === undefined ? start : plus(opening.opens, -leadMs - MINUTE)
}

/** The people of a rehearsal: whatever a run asks them they approve, as `rehearsal:<group>/<n>`, so that nobody takes it for a person's word. */
export function approver(world: World): Readonly<{ hear: (state: RunState, fact: Fact) => void; settled: () => Promise<void> }> {
  const notes: Promise<void>[] = []
  return {
    hear: (state, { event }) => {
      if (event.type !== 'ApprovalAsked') return
      const gate = event.subject.kind === 'gate' ? event.subject.wave : null
      for (const id of members(world, event.group, event.count)) {
        const note = leaveNote(world, state.run, { what: 'approve', reason: 'approved by the rehearsal', gate, actor: { kind: 'cli', id } })
        note.catch(() => undefined) // `settled` tells it; until then it must not end the process.
        notes.push(note)
      }
    },
    settled: async () => {
      await Promise.all(notes)
    },
  }
}

function members(world: World, group: string, count: number): string[] {
  const known = (world.groups.get(group) ?? []).filter((id) => id.startsWith('rehearsal:'))
  return Array.from({ length: count }, (_, index) => known[index] ?? `rehearsal:${group === '' ? 'anybody' : group}/${String(index + 1)}`)
}
