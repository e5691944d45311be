import { ClusterError, messageOf } from '../../errors.ts'
import { type Cid, parseCid } from '../../model/cid.ts'

/** A path of IPFS; `cid` when it is nothing but one. */
export interface IpfsPath {
  readonly path: string
  readonly cid: Cid | undefined
}

const NAMESPACES: ReadonlySet<string> = new Set(['ipfs', 'ipns', 'ipld'])
const SHOWN_MAX = 500

/** Parses what Kubo takes as a path: `/ipfs/<cid>/a`, `/ipns/<name>`, `<cid>` or `<cid>/a`. Throws `INVALID_ARGUMENT`. */
export function parseIpfsPath(text: string): IpfsPath {
  const segments = text.split('/').filter(segment => segment !== '')
  const [namespace, root, ...below] = text.startsWith('/') ? segments : ['ipfs', ...segments]
  if (namespace === undefined || root === undefined)
    throw invalid(text, 'path does not have enough components')
  if (!NAMESPACES.has(namespace)) throw invalid(text, `unknown namespace "${namespace.slice(0, 60)}"`)
  const path = `/${[namespace, root, ...below].join('/')}`
  if (namespace === 'ipns') return { path, cid: undefined }
  const cid = rootOf(text, root)
  return { path, cid: below.length === 0 ? cid : undefined }
}

function rootOf(text: string, root: string): Cid {
  try {
    return parseCid(root)
  } catch (cause) {
    const isBareWord = !text.includes('/')
    throw invalid(
      text,
      isBareWord ? 'path does not have enough components' : `invalid cid: ${messageOf(cause)}`,
    )
  }
}

function invalid(text: string, why: string): ClusterError {
  return new ClusterError('INVALID_ARGUMENT', `invalid path "${text.slice(0, SHOWN_MAX)}": ${why}`)
}
