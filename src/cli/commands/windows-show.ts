import { comingWindows, type Coming } from '../../engine/coming-windows.ts'
import type { Freeze } from '../../core/plan/freeze.ts'
import type { Runbook } from '../../core/runbook/runbook.ts'
import { isoSeconds } from '../../kit/instant.ts'
import { argOf, countOf, instantOf, using, type CommandSpec } from '../call.ts'
import { EXIT } from '../exit.ts'
import { painter } from '../render/paint.ts'
import { windowsPage } from '../render/windows-page.ts'

/** Windows shown when nobody says how many. */
const COUNT = 10
/** Ten years of weekly windows: more is read by nobody, and each one asks every calendar. */
const COUNT_MAX = 520

/**
 * The windows of a runbook to come, with what touches them. AWS is asked only for a native window and for `ssm:` freezes.
 *
 * `--json`: `{"runbook","timezone","zoneData","native"?:{"id","name","enabled","schedule","differences":[…]},"never"?,"windows":[{"opens","cutoff",
 * "closes","opensLocal","closesLocal","odd":[…],"freezes":[{"from","to","why","source"}],"starts","advisories"?}],"odd":[{"local","opens","odd":[…]}]}`.
 * `timezone` is null for a runbook without a window, `starts` for one that is frozen past its cutoff, `opens` for a hit at which nothing opens;
 * `odd` is of the next two years; `never` says why nothing opens any more.
 */
export const windowsShow: CommandSpec = {
  path: 'windows show',
  arguments: '<runbook>',
  summary: 'the windows of a runbook to come: freezes, clock changes and other odd days',
  options: [
    { flags: '--from <iso>', means: 'windows strictly after this instant (default: now)' },
    { flags: '--count <n>', means: `how many (default: ${String(COUNT)})` },
  ],
  example: 'windows show runbooks/monthly-linux-security.yaml --count 5',
  output: 'document',
  async run(call) {
    const { app, common } = call
    const count = countOf(call, 'count', 0, COUNT_MAX) ?? COUNT
    const given = instantOf(call, 'from')
    const { runbook } = await app.loadRunbook(argOf(call, 0, 'the runbook'), common, null)
    const { window } = runbook
    if (window === null) {
      if (common.json) app.io.out(JSON.stringify({ runbook: runbook.name, timezone: null, zoneData: null, windows: [], odd: [] }))
      else app.io.out(`${runbook.name} has no window: it runs by hand`)
      return EXIT.done
    }
    return using(app.openSession(common), async ({ world }) => {
      const from = given ?? world.clock.now()
      const coming = await comingWindows(world, runbook.name, window, { from, count }, app.io.signal)
      if (common.json) app.io.out(JSON.stringify(shapeOf(runbook, coming)))
      else for (const line of windowsPage(runbook, coming, painter(app.io.outColour ?? false))) app.io.out(line)
      return EXIT.done
    })
  },
}

function shapeOf({ name }: Runbook, { rule, native, differences, zoneData, windows, odd, never }: Coming): Record<string, unknown> {
  return {
    runbook: name,
    timezone: rule?.timezone ?? native?.timezone ?? null,
    zoneData,
    ...(native && { native: { id: native.id, name: native.name, enabled: native.enabled, schedule: native.schedule, differences } }),
    ...(never !== null && { never }),
    windows: windows.map((one) => ({
      opens: isoSeconds(one.opens),
      cutoff: isoSeconds(one.cutoff),
      closes: isoSeconds(one.closes),
      opensLocal: one.opensLocal,
      closesLocal: one.closesLocal,
      odd: one.odd,
      freezes: one.freezes.map(freezeShape),
      starts: one.starts === null ? null : isoSeconds(one.starts),
      ...(one.advisories.length > 0 && { advisories: one.advisories.map(freezeShape) }),
    })),
    odd: odd.map(({ local, opens, odd: why }) => ({ local, opens: opens === null ? null : isoSeconds(opens), odd: why })),
  }
}

const freezeShape = ({ from, to, why, source }: Freeze): Record<string, string> => ({
  from: isoSeconds(from),
  to: isoSeconds(to),
  why,
  source,
})
