const { Map: RealMap, WeakMap: RealWeakMap } = globalThis

/**
 * Watches the maps that modules make while they are loaded, and puts them back before each test to what they held then: a cache that outlived its test
 * would hide a mutant, or keep what one had put there. Returns what ends the watch.
 */
export function trackCaches() {
  globalThis.Map = new Proxy(RealMap, {
    construct(target, given, made) {
      const map = Reflect.construct(target, given, made === globalThis.Map ? target : made)
      maps.push(map)
      return map
    },
  })
  globalThis.WeakMap = Forgetful
  return () => {
    globalThis.Map = RealMap
    globalThis.WeakMap = RealWeakMap
    for (const map of maps) held.set(map, [...map])
  }
}

const maps = []
const held = new RealMap()
const forgetful = []

export function beforeEachTest() {
  for (const map of maps) if (map.size !== held.get(map).length) refill(map, held.get(map))
  for (const map of forgetful) map.forget()
}

function refill(map, entries) {
  map.clear()
  for (const [key, value] of entries) map.set(key, value)
}

/** A WeakMap that can be emptied. */
class Forgetful {
  #map = new RealWeakMap()

  constructor() {
    forgetful.push(this)
  }

  get(key) {
    return this.#map.get(key)
  }

  set(key, value) {
    this.#map.set(key, value)
    return this
  }

  has(key) {
    return this.#map.has(key)
  }

  delete(key) {
    return this.#map.delete(key)
  }

  forget() {
    this.#map = new RealWeakMap()
  }
}
