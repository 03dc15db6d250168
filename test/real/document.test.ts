import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { stepsOf } from '../../src/sandbox/real/document.ts'

const document = (lines: readonly string[], more: object = {}): string =>
  JSON.stringify({
    schemaVersion: '2.2',
    mainSteps: [{ name: 'One', action: 'aws:runShellScript', inputs: { runCommand: lines }, ...more }],
  })

describe('the steps of a document', () => {
  it('have their parameters in place as text, nothing quoted', () => {
    const content = document(["echo '{{ Who }}' {{Who}} {{ Nobody }}", 'exit 3'])
    expect(stepsOf(content, { Who: `it's "$HOME"` })).toEqual([
      { name: 'One', script: `echo 'it's "$HOME"' it's "$HOME" {{ Nobody }}\nexit 3\n`, seconds: 3_600 },
    ])
  })

  it.each([
    ['{{ executionTimeout }}', '900', 900],
    ['{{ executionTimeout }}', '4', 3_600],
    ['{{ executionTimeout }}', '172801', 3_600],
    ['{{ executionTimeout }}', 'soon', 3_600],
    ['60', '900', 60],
  ])('take %s with %s as %i seconds', (timeoutSeconds, executionTimeout, seconds) => {
    const content = document([], { inputs: { runCommand: ['true'], timeoutSeconds } })
    expect(stepsOf(content, { executionTimeout })).toMatchObject([{ seconds }])
  })

  it('leave out what is for another platform', () => {
    const only = (platform: string) => document(['true'], { precondition: { StringEquals: ['platformType', platform] } })
    expect(stepsOf(only('Windows'), {})).toEqual([])
    expect(stepsOf(only('Linux'), {})).toHaveLength(1)
  })

  it('say why there are none', () => {
    expect(stepsOf('{}', {})).toBe('the document has no mainSteps')
    expect(stepsOf(document([], { action: 'aws:runPowerShellScript' }), {})).toBe('step 1 is not aws:runShellScript')
  })

  it('of every shipped document are one script without a reference left', () => {
    const folder = new URL('../../documents/', import.meta.url)
    const shipped = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
    expect(shipped.length).toBeGreaterThanOrEqual(5)
    for (const name of shipped) {
      const content = readFileSync(new URL(name, folder), 'utf8')
      const parameters = Object.fromEntries([...content.matchAll(/\{\{ (\w+) \}\}/g)].map(([, key = '']) => [key, '77']))
      const steps = stepsOf(content, parameters)
      expect(steps, name).toMatchObject([{ seconds: 77 }])
      expect(JSON.stringify(steps), name).not.toMatch(/\{\{ \w+ \}\}/)
    }
  })
})
