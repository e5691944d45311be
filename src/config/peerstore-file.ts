import { readFile } from 'node:fs/promises'
import { ClusterError } from '../errors.ts'
import { writeWhole } from '../lib/write-file.ts'
import { parsePeerId } from '../model/peer.ts'

/** The peer at the end of a multiaddr (`…/p2p/<id>`, in old texts `…/ipfs/<id>`), undefined when there is none. */
export function peerOfAddress(address: string): string | undefined {
  const id = /\/(?:p2p|ipfs)\/([^/]+)\/?$/.exec(address)?.[1]
  return id === undefined ? undefined : parsePeerId(id)
}

/** A multiaddr that ends in its peer, in the present spelling. Throws `INVALID_ARGUMENT`. */
export function toPeerAddress(text: string): string {
  if (!/^(\/[^/]+)+\/?$/.test(text)) {
    throw new ClusterError('INVALID_ARGUMENT', `failed to parse multiaddr "${text}": must begin with /`)
  }
  const peer = peerOfAddress(text)
  if (peer === undefined) {
    throw new ClusterError('INVALID_ARGUMENT', `invalid p2p multiaddr "${text}": must end in /p2p/<peer id>`)
  }
  return text.replace(/\/(?:p2p|ipfs)\/[^/]+\/?$/, `/p2p/${peer}`)
}

/** Addresses of a peerstore file, in order: one a line; lines that do not begin with a slash are passed over. */
export async function readPeerstore(path: string): Promise<readonly string[]> {
  try {
    const text = await readFile(path, 'utf8')
    return text
      .split('\n')
      .map(line => line.trim())
      .filter(line => line.startsWith('/'))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    throw new ClusterError('CONFIG_INVALID', `the peerstore ${path} cannot be read`, { cause })
  }
}

/** Writes a peerstore file: the first address is the first to be tried. */
export async function writePeerstore(path: string, addresses: readonly string[]): Promise<void> {
  await writeWhole(path, addresses.join('\n'), 0o644)
}
