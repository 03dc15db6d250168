import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FILE_BYTES_MAX, filesWith, systemFiles } from '../../../src/adapters/system/files.ts'

let folder: string
const inFolder = (name: string): string => join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'patchwave-files-'))
  writeFileSync(inFolder('a.ics'), '\uFEFFBEGIN:VCALENDAR ü')
  writeFileSync(inFolder('latin.ics'), Buffer.from([0x66, 0xfc, 0x72]))
  writeFileSync(inFolder('huge.ics'), '')
  truncateSync(inFolder('huge.ics'), FILE_BYTES_MAX + 1)
  mkdirSync(inFolder('folder.ics'))
  execFileSync('mkfifo', [inFolder('pipe.ics')])
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

describe('files', () => {
  it('are read as UTF-8, without a byte order mark', async () => {
    expect(await systemFiles.text(inFolder('a.ics'))).toBe('BEGIN:VCALENDAR ü')
  })

  it.each([
    ['gone.ics', 'there is no such file'],
    ['latin.ics', 'it is not UTF-8'],
    ['huge.ics', 'it has more than'],
    ['folder.ics', 'it is no file'],
    ['pipe.ics', 'it is no file'],
  ])('%s is refused: %s', async (name, says) => {
    await expect(systemFiles.text(inFolder(name))).rejects.toMatchObject({
      code: 'file.unreadable',
      message: expect.stringContaining(says),
    })
  })

  it('may be those that are shipped, where the working folder has none of that name', async () => {
    const files = filesWith(systemFiles, folder)
    expect(await files.text('a.ics')).toContain('BEGIN:VCALENDAR')
    expect(await files.text('package.json')).toContain('"name"')
    await expect(files.text('gone.ics')).rejects.toMatchObject({ message: 'gone.ics cannot be read: there is no such file' })
    await expect(files.text(inFolder('gone.ics'))).rejects.toMatchObject({ code: 'file.unreadable' })
    await expect(files.text('latin.ics')).rejects.toMatchObject({ code: 'file.unreadable' })
  })
})
