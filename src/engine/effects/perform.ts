import { never } from '../../kit/assert.ts'
import type { Effect } from '../../core/run/effect.ts'
import type { RunEvent } from '../../core/run/event.ts'
import type { RunState } from '../../core/run/state.ts'
import type { Hints } from '../hints.ts'
import type { World } from '../world.ts'
import { readAlmanac } from './almanac.ts'
import { approveBaselines, storeBaseline } from './baselines.ts'
import { cancelCommand } from './cancel.ts'
import { classifyScan } from './classify.ts'
import { findCommand } from './find.ts'
import { groupPatches } from './isolate.ts'
import { measureCheck } from './measure.ts'
import { prepareCell } from './prepare.ts'
import { readBatch } from './read.ts'
import { scanNodes } from './scan.ts'
import { sendCommand } from './send.ts'
import { performStep } from '../steps/step.ts'
import { surveyFleet } from './survey.ts'
import { watchCommand } from './watch.ts'
import { chooseWindow } from './window.ts'

/** What an effect may use. `state` is the live one: read it after every wait. */
export type Performing = Readonly<{ world: World; state: RunState; hints: Hints; signal: AbortSignal }>

/** The facts that an effect finds out, a batch at a time; each batch is durable before the effect goes on. */
export type Found = AsyncGenerator<readonly RunEvent[], void, undefined>

/** Does what an effect says. Ends when the effect is done; its last batch is what makes the state stop wanting it. */
export function perform(performing: Performing, effect: Effect): Found {
  switch (effect.kind) {
    case 'window':
      return chooseWindow(performing, effect)
    case 'almanac':
      return readAlmanac(performing)
    case 'survey':
      return surveyFleet(performing)
    case 'prepare':
      return prepareCell(performing, effect)
    case 'scan':
      return scanNodes(performing, effect)
    case 'classify':
      return classifyScan(performing)
    case 'group':
      return groupPatches(performing)
    case 'read':
      return readBatch(performing, effect)
    case 'step':
      return performStep(performing, effect)
    case 'send':
      return sendCommand(performing, effect)
    case 'find':
      return findCommand(performing, effect)
    case 'watch':
      return watchCommand(performing, effect)
    case 'cancel':
      return cancelCommand(performing, effect)
    case 'measure':
      return measureCheck(performing, effect)
    case 'store':
      return storeBaseline(performing, effect)
    case 'approve-baselines':
      return approveBaselines(performing)
    default:
      return never(effect)
  }
}

/** The effect of one kind. */
export type EffectOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>
