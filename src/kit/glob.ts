const compiled = new Map<string, RegExp>()

/** Whether the whole text fits a pattern in which `*` stands for any run of characters and `?` for one. Case counts. */
export function globFits(pattern: string, text: string): boolean {
  return (compiled.get(pattern) ?? compile(pattern)).test(text)
}

function compile(pattern: string): RegExp {
  // Runs of stars are one star: `**…**` would otherwise take exponential time.
  const source = pattern
    .replace(/\*+/g, '*')
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]')
  const expression = new RegExp(`^${source}$`, 'u')
  if (compiled.size > 1_000) compiled.clear()
  compiled.set(pattern, expression)
  return expression
}
