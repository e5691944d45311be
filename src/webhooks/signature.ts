import { createHmac } from 'node:crypto'

/** Header with the time of sending, Unix seconds; it is part of what is signed. */
export const TIMESTAMP_HEADER = 'X-Pinfold-Timestamp'
/** Header with the signature. */
export const SIGNATURE_HEADER = 'X-Pinfold-Signature'

/** HMAC-SHA256 (RFC 2104) of `<timestamp>.<body>`, as `sha256=<hex>`. */
export function sign(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
}
