import { messageOf } from '../errors.ts'

/** How systems and Kubo put it: a full disk, a used up quota, and the limit of a Kubo that collects garbage by itself. */
const TEXTS =
  /no space left on device|disk quota exceeded|not enough space on the disk|maximum storage limit exceeded/i
const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT'])
/** Causes of causes that are looked at. */
const DEPTH_MAX = 5

/** Whether a text says that there is no room left on a disk. */
export function saysNoSpace(text: string): boolean {
  return TEXTS.test(text)
}

/** Whether something failed because a disk has no room left. */
export function isNoSpace(thrown: unknown): boolean {
  let cause = thrown
  for (let depth = 0; depth < DEPTH_MAX && cause !== undefined; depth++) {
    if (cause instanceof Error && 'code' in cause && CODES.has(cause.code)) return true
    if (saysNoSpace(messageOf(cause))) return true
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return false
}
