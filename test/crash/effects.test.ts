import { describe, expect, it } from 'vitest'
import { readPorts } from '../../scripts/port-effects.ts'
import { known } from '../../src/kit/assert.ts'
import { EFFECT_CASES, titleOf, type EffectCase } from './effects.ts'
import { playEffect, type EffectPlayed, type EffectScene, type Side } from './effects-play.ts'

const effects = new Map(readPorts().effects.map((effect) => [effect.name, effect]))

/** Each night is played undisturbed once. */
const calmNights = new Map<EffectScene, Promise<EffectPlayed>>()
const calmly = (scene: EffectScene): Promise<EffectPlayed> => {
  const played = calmNights.get(scene) ?? playEffect(scene, null)
  calmNights.set(scene, played)
  return played
}

/** With `CRASH=all` the successors die at the same call too. */
const KILLS: readonly (readonly [Side, string, number])[] = [
  ['before', '', 1],
  ['after', '', 1],
  ...(process.env['CRASH'] === 'all'
    ? ([
        ['before', ', three in a row', 3],
        ['after', ', three in a row', 3],
      ] as const)
    : []),
]

describe.each(EFFECT_CASES.map((one): [string, EffectCase] => [titleOf(one), one]))('%s', (_, one) => {
  it.each(KILLS)('killed immediately %s it%s', async (side, _how, times) => {
    const { call } = known(effects.get(one.effect), `the effect ${one.effect}`)
    const calm = await calmly(one.scene)
    expect(calm.end).toMatchObject(one.scene.shows)
    expect(calm.end['faults'] ?? []).toEqual([])
    const { when, brings, operation } = one
    const { end, kills } = await playEffect(one.scene, { hit: { call, when, brings, operation }, side, times })
    expect(kills, 'the call occurs').toBeGreaterThanOrEqual(1)
    const otherwise = (times > 1 ? one.otherwiseAtLast : undefined)?.[side] ?? one.otherwise?.[side]
    if (otherwise === undefined) expect(end).toEqual(calm.end)
    else expect(end).toMatchObject(otherwise)
  })
})
