import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Writes a generated file of the repository if it differs. With `--check` on the command line it writes nothing and the process ends with 1
 * when the file is stale.
 */
export function writeGenerated(path: string, text: string): void {
  const file = new URL(`../${path}`, import.meta.url)
  if (text === current(file)) return
  const check = process.argv.includes('--check')
  console.error(`${check ? 'stale' : 'written'}: ${path}`)
  if (check) process.exitCode = 1
  else writeFileSync(file, text)
}

function current(file: URL): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
