import assert from 'node:assert/strict'
import test from 'node:test'
import { ClusterError } from '../errors.ts'
import { refused } from './kubo/rpc-call.ts'
import { isNoSpace, saysNoSpace } from './no-space.ts'

/** As Kubo 0.44 says it on a full disk: of a pin, of a block, of an added file. */
const FULL_KUBO = [
  'pin: write /repo/blocks/.temp/temp-1604495487: no space left on device',
  'write /repo/blocks/.temp/temp-854415597: no space left on device',
  'committing batch to datastore at /blocks: failed to write to temp file: write /repo/blocks/.temp/batch/x.data: no space left on device',
  'maximum storage limit exceeded. Try to unpin some files',
  'write /repo/blocks/.temp/temp-1: disk quota exceeded',
]

test('what Kubo refuses for lack of room has a code of its own, with what it said; everything else has not', () => {
  for (const said of FULL_KUBO) {
    const error = refused('pin/add of x', said)
    assert.equal(error.code, 'IPFS_FULL', said)
    assert.ok(error.isRetryable)
    assert.equal(error.details['ipfsMessage'], said)
  }
  for (const said of ['pin: context canceled', 'not pinned or pinned indirectly', 'no such space', ''])
    assert.equal(refused('pin/add of x', said).code, 'IPFS_REFUSED', said)
})

test('a full disk is known by the code of the system, however deep, and in a ring of causes', () => {
  const system = Object.assign(new Error('ENOSPC: no room, write'), { code: 'ENOSPC' })
  assert.ok(isNoSpace(system))
  assert.ok(isNoSpace(new ClusterError('STORE_FAILED', 'not written', { cause: system })))
  assert.ok(isNoSpace(Object.assign(new Error('quota'), { code: 'EDQUOT' })))
  assert.ok(!isNoSpace(Object.assign(new Error('denied'), { code: 'EACCES' })))
  const ring = new Error('a')
  ring.cause = ring
  assert.ok(!isNoSpace(ring))
  assert.ok(!isNoSpace(undefined))
  assert.ok(saysNoSpace('IO error: No space left on device'))
})
