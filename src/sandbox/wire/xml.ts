/** A tree as XML shows it: text and numbers are leaves, a record holds elements, a list repeats `<item>`; `undefined` is left out. */
export type XmlValue = string | number | boolean | undefined | readonly XmlValue[] | XmlTree
export interface XmlTree {
  readonly [name: string]: XmlValue
}

/** `value` as the content of an element, lists as `<item>` (ec2Query) or whatever `item` is. What XML 1.0 cannot carry becomes U+FFFD. */
export function xmlOf(value: XmlValue, item = 'item'): string {
  if (value === undefined) return ''
  if (typeof value === 'string') return escapeXml(value)
  if (typeof value !== 'object') return String(value)
  let text = ''
  if (isList(value)) for (const each of value) text += `<${item}>${xmlOf(each, item)}</${item}>`
  else for (const name in value) if (value[name] !== undefined) text += `<${name}>${xmlOf(value[name], item)}</${name}>`
  return text
}

const isList = (value: readonly XmlValue[] | XmlTree): value is readonly XmlValue[] => Array.isArray(value)

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g
// eslint-disable-next-line no-control-regex -- as above
const SPECIAL = /[&<>"'\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/

/** Text that is safe between tags and in attributes. */
export function escapeXml(value: string): string {
  if (!SPECIAL.test(value)) return value
  return value
    .toWellFormed()
    .replace(ILLEGAL, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;')
    .replaceAll('\r', '&#xD;')
}
