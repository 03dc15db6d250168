import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { makeDebRepository } from '../src/sandbox/real/deb-repository.ts'
import { type Family, missingFor } from '../src/sandbox/real/images.ts'
import { makeRpmRepository } from '../src/sandbox/real/rpm-repository.ts'
import { isInstalled, SAMPLES, versionText } from '../src/sandbox/real/samples.ts'

// `node scripts/real-repositories.ts FOLDER` makes the sample repositories of the real nodes, to look at them or to try a script against them by
// hand: FOLDER/apt with .deb files, FOLDER/dnf with .rpm files and advisories. What this machine has no tools for is left out, and said.

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node scripts/real-repositories.ts FOLDER')
  process.exitCode = 2
} else {
  for (const sample of SAMPLES)
    console.log(`${sample.name.padEnd(26)} ${isInstalled(sample) ? ' ' : '+'} ${versions(sample)}  ${sample.does}`)
  await make('apt', async (at) => (await makeDebRepository(at)).sources(at))
  await make('dnf', async (at) => (await makeRpmRepository(at)).sources(at))
}

function versions(sample: (typeof SAMPLES)[number]): string {
  return sample.versions
    .map((version) => versionText(version, 'deb'))
    .join(' ')
    .padEnd(22)
}

async function make(family: Family, build: (at: string) => Promise<string>): Promise<void> {
  const missing = await missingFor(family)
  if (missing.length > 0) {
    console.error(`no ${family} repository: ${missing.join(', ')} missing`)
    process.exitCode = 1
    return
  }
  const at = resolve(folder ?? '.', family)
  await mkdir(at, { recursive: true })
  console.log(`\n${await build(at)}`)
}
