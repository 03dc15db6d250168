import { format, resolveConfig } from 'prettier'
import { ERRORS } from '../src/kit/error.ts'
import { writeGenerated } from './generated-file.ts'

// Writes docs/reference/errors.md from the table of errors. With --check it writes nothing and ends with 1 when the page is stale.

const PATH = 'docs/reference/errors.md'

/** What the command line's exit codes mean, in the order of their numbers. */
const EXITS: Readonly<Record<number, string>> = {
  0: 'done and healthy',
  1: 'the run ended otherwise (failed, rolled back, aborted, stopped), or `audit verify` found a break',
  2: 'the input is wrong: usage, runbook, plan, config',
  3: 'AWS refused or could not be reached',
  4: 'someone else holds it: a run in progress, drift',
  5: 'not ended: it waits for a window, a gate or an approval',
  70: 'a bug',
}

function page(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { exit, retry, means }]) => `| \`${code}\` | ${means} | ${String(exit)} | ${retry ? 'yes' : 'no'} |`,
  )
  const exits = Object.entries(EXITS).map(([exit, means]) => `| ${exit} | ${means} |`)
  return [
    '# Errors',
    '<!-- Made by scripts/gen-errors.ts from src/kit/error.ts. Do not edit: change the table and run `npm run gen`. -->',
    'Every failure that a person can meet has a code. A code is never given another meaning, so that alarms and runbooks may rely on it.',
    'Mistakes in a document have codes of their own, which stand at the end of its reference page: [runbook](runbook.md), [config](config.md).',
    `| code | what it means | exit code | may the same call succeed later? |\n|---|---|---|---|\n${rows.join('\n')}`,
    '## Exit codes',
    `| code | what it means |\n|---|---|\n${exits.join('\n')}`,
    '',
  ].join('\n\n')
}

writeGenerated(PATH, await format(page(), { ...(await resolveConfig(PATH)), filepath: PATH }))
