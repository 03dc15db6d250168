import type { ServiceError } from '../model.ts'
import type { WireResponse } from './message.ts'
import { escapeXml, xmlOf, type XmlValue } from './xml.ts'

/** EC2 speaks ec2Query, the others awsQuery: forms in, XML out. */
export type QueryService = 'ec2' | 'sts' | 'elasticloadbalancing' | 'autoscaling'

/** API versions by which a form says whom it is for. */
export const VERSIONS: Readonly<Record<string, QueryService>> = {
  '2016-11-15': 'ec2',
  '2011-06-15': 'sts',
  '2015-12-01': 'elasticloadbalancing',
  '2011-01-01': 'autoscaling',
}

const NAMESPACE: Readonly<Record<QueryService, string>> = {
  ec2: 'http://ec2.amazonaws.com/doc/2016-11-15/',
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
  elasticloadbalancing: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
  autoscaling: 'http://autoscaling.amazonaws.com/doc/2011-01-01/',
}
const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

/** The answer with this output, whose names are those of the XML. */
export function queryAnswer(service: QueryService, operation: string, output: Record<string, unknown>, requestId: string): WireResponse {
  const inner = xmlOf(output as XmlValue, service === 'ec2' ? 'item' : 'member') // Outputs of these services are trees of text, numbers, Booleans and lists.
  const body =
    service === 'ec2'
      ? `<requestId>${requestId}</requestId>${inner}`
      : `<${operation}Result>${inner}</${operation}Result><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`
  return answer(200, requestId, `<${operation}Response xmlns="${NAMESPACE[service]}">${body}</${operation}Response>`)
}

/** The error as its protocol spells it. */
export function queryError(service: QueryService, error: ServiceError, requestId: string): WireResponse {
  const said = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`
  const body =
    service === 'ec2'
      ? `<Response><Errors><Error>${said}</Error></Errors><RequestID>${requestId}</RequestID></Response>`
      : `<ErrorResponse xmlns="${NAMESPACE[service]}"><Error><Type>${error.status >= 500 ? 'Receiver' : 'Sender'}</Type>${said}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`
  return answer(error.status, requestId, body)
}

const answer = (status: number, requestId: string, body: string): WireResponse => ({
  status,
  headers: { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId },
  body: Buffer.from(HEAD + body),
})
