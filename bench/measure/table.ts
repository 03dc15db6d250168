/** A figure beside its aim; `met` is absent where nothing is aimed at. */
export type Figure = Readonly<{ what: string; figure: string; aim?: string; met?: boolean }>

/** Figures under one another, columns aligned; a miss is named at the end of its line. */
export function table(title: string, figures: readonly Figure[]): string {
  const wide = (pick: (figure: Figure) => string): number => Math.max(0, ...figures.map((figure) => pick(figure).length))
  const [what, figure, aim] = [wide((one) => one.what), wide((one) => one.figure), wide((one) => one.aim ?? '')]
  const rows = figures.map((one) => {
    const verdict = one.met === undefined ? '' : one.met ? 'met' : 'MISSED'
    return `  ${one.what.padEnd(what)}  ${one.figure.padStart(figure)}  ${(one.aim ?? '').padEnd(aim)}  ${verdict}`.trimEnd()
  })
  return [title, ...rows].join('\n')
}

/** `value` with its unit, and whether it keeps within `aim`. */
export function atMost(what: string, value: number, unit: string, aim: number): Figure {
  return { what, figure: shown(value, unit), aim: `at most ${shown(aim, unit)}`, met: value <= aim }
}

/** A figure that nothing is aimed at. */
export const plain = (what: string, value: number, unit: string): Figure => ({ what, figure: shown(value, unit) })

/** Three digits that matter, with thousands parted. */
export function shown(value: number, unit: string): string {
  const text = Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)))
  return unit === '' ? text : `${text} ${unit}`
}
