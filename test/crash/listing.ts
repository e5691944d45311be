import assert from 'node:assert/strict'
import type { PeerProcess } from '../support/peer-processes.ts'

/** The pinset as a peer has it on its own disk: CID → name. */
export async function listingOf(peer: PeerProcess): Promise<Map<string, string>> {
  const answer = await fetch(`${peer.url}/allocations`, { signal: AbortSignal.timeout(60_000) })
  assert.equal(answer.status, 200)
  const listing = new Map<string, string>()
  for (const line of (await answer.text()).split('\n')) {
    if (line === '') continue
    const { cid, name } = JSON.parse(line)
    listing.set(String(cid), String(name))
  }
  return listing
}

/** Nothing when two listings are equal, else what differs, in short. */
export function difference(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): string {
  const cids = new Set([...one.keys(), ...other.keys()])
  const unequal = [...cids].filter(cid => one.get(cid) !== other.get(cid))
  const [first] = unequal
  if (first === undefined) return ''
  return `${unequal.length} differ, such as ${first}: ${one.get(first) ?? 'nothing'} against ${other.get(first) ?? 'nothing'}`
}
