/** A document's own name: `asked` may be an ARN. */
export const documentName = (asked: string): string => (asked.startsWith('arn:') ? asked.slice(asked.lastIndexOf('/') + 1) : asked)

/** Patch Manager's document, which Amazon owns. */
export const PATCH_BASELINE = 'AWS-RunPatchBaseline'

const CHANGING: ReadonlySet<string> = new Set(['Patchwave-Apply', 'Patchwave-Rollback', 'Patchwave-Restart', 'Patchwave-Hook'])

/** Whether a document changes the node; of a stranger's nobody knows, so it does. */
export function changesNode(document: string, parameters: Readonly<Record<string, string>>): boolean {
  const name = documentName(document)
  if (name === PATCH_BASELINE) return parameters['Operation'] === 'Install'
  if (name === 'Patchwave-LivePatch') return parameters['Mode'] === 'enable'
  return CHANGING.has(name) || !name.startsWith('Patchwave-')
}

/** What durations and fates of a command are drawn by. */
export function workName(document: string, parameters: Readonly<Record<string, string>>): string {
  const name = documentName(document)
  return name === PATCH_BASELINE ? `${name}/${parameters['Operation'] ?? ''}` : name
}
