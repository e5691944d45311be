import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePinPath } from './pin-path.ts'

const CID = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'

test('CIDs and paths are understood', () => {
  const cases: [string, string, string][] = [
    [CID, 'ipfs', CID],
    [`${CID}/a b/c`, 'ipfs', `${CID}/a b/c`],
    [`/ipfs/${CID}//a/../b/`, 'ipfs', `${CID}/b`],
    ['/ipns/docs.ipfs.tech/x', 'ipns', 'docs.ipfs.tech/x'],
    [`/ipld/${CID}/x`, 'ipld', `${CID}/x`],
  ]
  for (const [text, keyType, path] of cases) assert.deepEqual(parsePinPath(text), { keyType, path })
})

test('what leads nowhere is refused with the path in the message', () => {
  assert.throws(() => parsePinPath(''), /invalid path "\/ipfs\/": path does not have enough components/)
  assert.throws(() => parsePinPath('abcd'), /invalid path "\/ipfs\/abcd": invalid cid: "abcd" is not a CID/)
  assert.throws(() => parsePinPath('/ipns/'), /not have enough/)
  assert.throws(() => parsePinPath(`/ipfs/../${CID}`), /not have enough|invalid/)
  assert.throws(() => parsePinPath('/other/x'), /invalid/)
})
