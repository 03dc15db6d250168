/** What a path answers: a status and a value that becomes JSON. */
export type Page = Readonly<{ status: number; body: Readonly<Record<string, unknown>> }>

/** A refusal, in the form that the command line's `--json` gives its own. The status says which. */
export const refusal = (status: number, message: string, hint: string): Page => ({ status, body: { error: { message, hint } } })
