import type { World } from './world.ts'

/** Stages of a trial that a rollout is to follow: asked for, and dealt with. */
const WANTED = 1
const DONE = 2

type Marks = Pick<World, 'store' | 'clock'>

const cursorOf = (trial: string): string => `follow:${trial}`

/** By what the store tells the rollout of this trial from any other: whoever asks for it, there is one. */
export const afterTrial = (trial: string): string => `after:${trial}`

/** Says that this trial's rollout is wanted once it has succeeded. Safe to repeat, and before there is such a trial. */
export const wantRollout = ({ store, clock }: Marks, trial: string): Promise<void> =>
  clock.hold(() => store.setCursor(cursorOf(trial), WANTED))

/** Whether a rollout of this trial is wanted that nobody has dealt with. */
export const wantsRollout = ({ store, clock }: Marks, trial: string): Promise<boolean> =>
  clock.hold(async () => (await store.cursor(cursorOf(trial))) === WANTED)

/** The rollout was requested, or will never be. */
export const endRolloutWish = ({ store, clock }: Marks, trial: string): Promise<void> =>
  clock.hold(() => store.setCursor(cursorOf(trial), DONE))
