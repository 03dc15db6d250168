/** Every failure a person can meet: one row a code. `docs/reference/errors.md` is generated from this table. Codes are never reused. */
export const ERRORS = {
  'usage.invalid': { exit: 2, retry: false, means: 'the command line is not understood' },
  'file.unreadable': { exit: 2, retry: false, means: 'a file that was named cannot be read or written' },
  'document.syntax': { exit: 2, retry: false, means: 'the file is not well-formed YAML' },
  'document.hostile': { exit: 2, retry: false, means: 'the file is too large, too deep, not UTF-8, or expands without bound' },
  'runbook.invalid': { exit: 2, retry: false, means: 'the runbook does not follow the schema or contradicts itself' },
  'config.invalid': { exit: 2, retry: false, means: 'the config does not follow its schema or contradicts itself' },
  'fleet.invalid': { exit: 2, retry: false, means: 'the fleet or fault file does not follow its schema' },
  'schedule.invalid': { exit: 2, retry: false, means: 'the schedule expression is not one that maintenance windows know' },
  'freeze.invalid': { exit: 2, retry: false, means: 'a freeze calendar cannot be read' },
  'freeze.holds': { exit: 4, retry: false, means: 'a freeze holds: nothing may start' },
  'input.invalid': { exit: 2, retry: false, means: 'an input of the runbook is missing or does not fit its rule' },
  'trigger.invalid': { exit: 2, retry: false, means: 'a trigger message is not understood' },
  'event.unreadable': { exit: 3, retry: false, means: 'a message in the queue of status events is no event' },
  'plan.unfit': { exit: 4, retry: false, means: 'the plan is predicted not to fit the window' },
  'plan.invalid': { exit: 2, retry: false, means: 'the plan file is damaged or was made by a newer version' },
  'plan.empty': { exit: 2, retry: false, means: 'the runbook selects no node' },
  'plan.limit': { exit: 2, retry: false, means: 'the plan touches more nodes than `limit` allows' },
  'plan.drift': { exit: 4, retry: false, means: 'the fleet is no longer the one that the plan was made from' },
  'store.replaced': { exit: 4, retry: false, means: 'another driver has taken this run' },
  'store.busy': { exit: 4, retry: true, means: 'another process holds the store or the run' },
  'store.unusable': { exit: 2, retry: false, means: 'the store cannot be opened or written' },
  'store.full': { exit: 3, retry: false, means: 'there is no space left for the journal' },
  'run.unknown': { exit: 2, retry: false, means: 'no run has this id' },
  'run.finished': { exit: 2, retry: false, means: 'the run has ended and takes no more steering' },
  'approval.refused': { exit: 2, retry: false, means: 'this person may not decide this' },
  'journal.broken': { exit: 1, retry: false, means: 'the hash chain of a journal does not verify' },
  'journal.newer': { exit: 2, retry: false, means: 'the journal was written by a newer version' },
  'aws.throttled': { exit: 3, retry: true, means: 'AWS asks us to slow down; nothing was done' },
  'aws.unclear': { exit: 3, retry: false, means: 'the connection broke or AWS failed: it may or may not have been done' },
  'aws.stale': { exit: 3, retry: true, means: 'a request was kept back because it had waited too long to leave; nothing was done' },
  'aws.unreachable': { exit: 3, retry: true, means: 'AWS could not be reached; nothing was done' },
  'aws.denied': { exit: 3, retry: false, means: 'the role may not do this' },
  'aws.expired': { exit: 3, retry: true, means: 'the credentials have expired' },
  'aws.missing': { exit: 3, retry: false, means: 'what was asked for does not exist' },
  'aws.invalid': { exit: 3, retry: false, means: 'AWS refused the request as invalid' },
  'aws.conflict': { exit: 3, retry: true, means: 'another writer changed the same thing at the same time' },
  'port.busy': { exit: 2, retry: false, means: 'another process listens on the port that `serve` was to use' },
  'clock.skewed': { exit: 3, retry: false, means: 'this host’s clock and AWS’s differ by more than 30 seconds' },
} as const satisfies Record<string, { exit: number; retry: boolean; means: string }>

export type ErrorCode = keyof typeof ERRORS

/** Where in a file, 1-based, as editors count. */
export type Position = Readonly<{ file: string; line: number; column: number }>

/** `hint` is the next thing to try, as an imperative sentence. `detail` is data for machines (cell, call, request id). */
export type ErrorMore = Readonly<{
  hint: string
  at?: Position
  cause?: unknown
  detail?: Readonly<Record<string, string | number>>
}>

/** What an operator or the world can cause and a person can mend. Our own mistakes `assert` instead. */
export class PatchwaveError extends Error {
  override readonly name = 'PatchwaveError'
  readonly code: ErrorCode
  readonly more: ErrorMore

  constructor(code: ErrorCode, message: string, more: ErrorMore) {
    super(message, { cause: more.cause })
    this.code = code
    this.more = more
  }

  /** The exit code that the command line ends with. */
  get exit(): number {
    return ERRORS[this.code].exit
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return ERRORS[this.code].retry
  }

  /** `runbooks/a.yaml:14:7: error runbook.invalid: …`: a link in most terminals, greppable by code. */
  override toString(): string {
    const { at, hint } = this.more
    const place = at ? `${at.file}:${String(at.line)}:${String(at.column)}: ` : ''
    return `${place}error ${this.code}: ${this.message}\n  hint: ${hint}`
  }
}

/** One thing wrong in a document that a person wrote. All of them are reported at once. */
export type Diagnostic = Readonly<Position & { code: string; message: string; hint: string }>

/** A document with mistakes: carries every diagnostic; `code` says which kind of document it was. */
export class InvalidDocument extends PatchwaveError {
  readonly diagnostics: readonly Diagnostic[]

  constructor(code: ErrorCode, diagnostics: readonly Diagnostic[]) {
    const [first] = diagnostics
    super(code, `${String(diagnostics.length)} mistake${diagnostics.length === 1 ? '' : 's'} in ${first?.file ?? 'a document'}`, {
      hint: 'mend each place that is named',
      ...(first && { at: { file: first.file, line: first.line, column: first.column } }),
    })
    this.diagnostics = diagnostics
  }
}
