import { messageOf } from '../errors.ts'
import { type Cid, parseCid } from '../model/cid.ts'
import { CommandError } from './command-error.ts'

/** A path that leads to content, in the parts that the API takes. */
export interface PinPath {
  readonly keyType: 'ipfs' | 'ipns' | 'ipld'
  /** What follows the key type, without a slash at either end. */
  readonly path: string
}

/**
 * The path of a CID, of `<CID>/a/b`, or of a path that begins with /ipfs/, /ipns/ or /ipld/; `//` and `..` are resolved.
 * Throws `CommandError`.
 */
export function parsePinPath(text: string): PinPath {
  const full = /^\/(?:ipfs|ipns|ipld)\//.test(text) ? text : `/ipfs/${text}`
  const parts: string[] = []
  for (const part of full.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  const [keyType, root, ...rest] = parts
  const isKeyType = keyType === 'ipfs' || keyType === 'ipns' || keyType === 'ipld'
  if (!isKeyType || root === undefined) {
    throw new CommandError(
      '',
      `invalid path "${full}": path does not have enough components: give a CID or a path`,
    )
  }
  if (keyType !== 'ipns') {
    try {
      parseCid(root)
    } catch (cause) {
      throw new CommandError('', `invalid path "${full}": invalid cid: ${whyNoCid(cause)}`, { cause })
    }
  }
  return { keyType, path: [root, ...rest].join('/') }
}

/** A CID that a user wrote. `doing` says what for. Throws `CommandError`. */
export function parseCidArgument(text: string, doing: string): Cid {
  try {
    return parseCid(text)
  } catch (cause) {
    throw new CommandError(doing, `invalid cid: ${whyNoCid(cause)}`, { cause })
  }
}

function whyNoCid(cause: unknown): string {
  return messageOf(cause).replace(/^error decoding Cid: /, '')
}
