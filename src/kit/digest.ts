import { hash } from 'node:crypto'

/** SHA-256 in lower-case hex, 64 characters. */
export type Digest = string

/** SHA-256 of the text's UTF-8 bytes. */
export const sha256 = (text: string | Uint8Array): Digest => hash('sha256', text, 'hex')

/** MD5 in hex. Only for protocols that ask for it (SQS message checksums), never for trust. */
export const md5 = (text: string | Uint8Array): string => hash('md5', text, 'hex')
