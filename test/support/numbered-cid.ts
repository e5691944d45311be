import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import { create } from 'multiformats/hashes/digest'
import type { Cid } from '../../src/model/cid.ts'

/** A CID of its own for every number: version 1, raw, sha2-256 of the number's text. */
export function numberedCid(number: number): Cid {
  const digest = createHash('sha256').update(String(number)).digest()
  return CID.createV1(0x55, create(0x12, new Uint8Array(digest)))
}
