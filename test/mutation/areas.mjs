import { readdirSync } from 'node:fs'

/** Tests of other folders that are about an area too. */
const MORE = { run: ['test/adapters/memory.test.ts'], plan: [] }

/** Tests that take seconds, by file or by name: a quick look leaves them out. */
const SLOW = [/\/(isolation|oracle|zones|icalendar-recurrence)\.test\.ts#/, /is planned in seconds|when it fits no way/]

/** `run` or `plan`: what is mutated, its tests, and where what comes of it is kept. */
export function areaOf(name, quick) {
  const own = readdirSync(`test/core/${name}`).filter((file) => file.endsWith('.test.ts'))
  return {
    mutate: [`src/core/${name}/**/*.ts`],
    tests: [...own.sort().map((file) => `test/core/${name}/${file}`), ...MORE[name]],
    leaves: quick ? SLOW.map(({ source }) => source) : [],
    folder: `.patchwave/mutation/${name}`,
  }
}
