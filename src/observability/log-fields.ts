import { CID } from 'multiformats/cid'
import { ClusterError } from '../errors.ts'
import type { LogFields } from '../interfaces.ts'
import { formatCid } from '../model/cid.ts'

const HIDDEN = '[hidden]'
const SECRET_KEY =
  /^(.*[_-])?(secret|password|passwd|token|jwt|authorization|credentials?|cookie|private_?key|basic_?auth.*)$/i
const DEPTH_MAX = 5
const ITEMS_MAX = 100

/** Fields in a form that JSON can carry: errors with code and causes, CIDs as text, secrets hidden, depth bounded. */
export function toLoggable(fields: LogFields): Record<string, unknown> {
  return loggableRecord(fields, 0)
}

function loggableRecord(record: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(record).map(
    ([key, value]) => [key, loggableEntry(key, value, depth)] as const,
  )
  return Object.fromEntries(entries.slice(0, ITEMS_MAX))
}

function loggableEntry(key: string, value: unknown, depth: number): unknown {
  return SECRET_KEY.test(key) ? HIDDEN : loggable(value, depth)
}

function loggable(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value)
  if (typeof value === 'function') return '[function]'
  if (typeof value !== 'object' || value === null) return value
  const cid = CID.asCID(value)
  if (cid !== null) return formatCid(cid)
  if (value instanceof Error) return loggableError(value, depth)
  if (value instanceof Date) return value.toJSON()
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (depth >= DEPTH_MAX) return '[deep]'
  if (value instanceof Map) return loggableRecord(Object.fromEntries(value), depth + 1)
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].slice(0, ITEMS_MAX).map(item => loggable(item, depth + 1))
  }
  return loggableRecord(value, depth + 1)
}

/** A stack only where the code is of no help: an error that the program did not foresee. */
function loggableError(error: Error, depth: number): unknown {
  const code = 'code' in error ? error.code : undefined
  const isForeseen = error instanceof ClusterError && error.code !== 'INTERNAL'
  return {
    name: error.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    message: error.message,
    ...(error instanceof ClusterError && Object.keys(error.details).length > 0
      ? { details: loggableRecord(error.details, depth + 1) }
      : {}),
    ...(isForeseen ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth >= DEPTH_MAX ? {} : { cause: loggable(error.cause, depth + 1) }),
  }
}
