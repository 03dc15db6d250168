import { chance } from './chance.ts'

/** `us-east-1` is `use1` in zone ids, `ap-southeast-2` is `apse2`. */
export function zoneIdPrefix(region: string): string {
  const [area = '', ...rest] = region.split('-')
  const number = rest.pop() ?? ''
  const short = rest.map((word) => word.replace(/north|south|east|west|central/g, (point) => point[0] ?? '')).join('')
  return `${area}${short}${number}`
}

type Zone = Readonly<{ zoneName: string; zoneId: string }>

const ZONES = new Map<string, Zone>()
const ZONES_MAX = 8_192

/** A zone of a group by number: its id is the place, its name is what this account calls it. One object for all nodes in it. */
export function zoneOf(account: string, region: string, index: number, count: number): Zone {
  const key = `${account} ${region} ${String(index)} ${String(count)}`
  const known = ZONES.get(key) ?? newZone(account, region, index, count)
  if (ZONES.size >= ZONES_MAX) ZONES.clear()
  ZONES.set(key, known)
  return known
}

function newZone(account: string, region: string, index: number, count: number): Zone {
  const turn = Math.floor(chance(0, 'zones', account, region) * count)
  const letter = String.fromCharCode('a'.charCodeAt(0) + ((index + turn) % count))
  return { zoneName: `${region}${letter}`, zoneId: `${zoneIdPrefix(region)}-az${String(index + 1)}` }
}
