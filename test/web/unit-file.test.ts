import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { refusal } from '../house/docs.ts'

const unit = readFileSync('docs/examples/patchwave.service', 'utf8')
const settings = unit.split('\n').flatMap((line) => {
  const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
  return key === '' ? [] : [[key, value] as const]
})
const valueOf = (key: string): string | undefined => settings.find(([name]) => name === key)?.[1]

it('the systemd unit starts the program with a command line that it takes', async () => {
  const [program, ...words] = (valueOf('ExecStart') ?? '').split(' ')
  expect([program, words[0]]).toEqual(['/usr/bin/patchwave', 'serve'])
  expect(await refusal({ text: words.join(' ') })).toBeUndefined()
})

it('the systemd unit lets it write its store, and nothing else', () => {
  const [, store = ''] = / --store (\S+)/.exec(valueOf('ExecStart') ?? '') ?? []
  expect(store).toBe(`/var/lib/${valueOf('StateDirectory') ?? ''}/patchwave.db`)
  expect([valueOf('ProtectSystem'), valueOf('ReadWritePaths')]).toEqual(['strict', undefined])
})

it('the systemd unit says each thing once', () => {
  expect(settings.map(([key]) => key).filter((key, at, all) => all.indexOf(key) !== at && !['Wants', 'After'].includes(key))).toEqual([])
})
