import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { peerOfAddress, readPeerstore, toPeerAddress, writePeerstore } from './peerstore-file.ts'

const A = '12D3KooWFBFCDQzAkQSwPZLV883pKdsmb6urQ3sMjfJHUxn5GCVv'

test('an address is kept in the present spelling and needs its peer', () => {
  assert.equal(toPeerAddress(`/dns4/peer.example/tcp/9096/ipfs/${A}`), `/dns4/peer.example/tcp/9096/p2p/${A}`)
  assert.equal(toPeerAddress(`/ip6/::1/tcp/9096/p2p/${A}`), `/ip6/::1/tcp/9096/p2p/${A}`)
  assert.throws(() => toPeerAddress('foo'), /must begin with \//)
  assert.throws(() => toPeerAddress('/ip4/1.2.3.4/tcp/9096'), /invalid p2p multiaddr.*must end in/)
  assert.throws(() => toPeerAddress('/ip4/1.2.3.4/tcp/9096/p2p/nobody'), /not a peer id/)
  assert.equal(peerOfAddress('/ip4/1.2.3.4/tcp/9096'), undefined)
})

test('a peerstore is read back as it was written, without comments; none is empty', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-peerstore-'))
  try {
    const path = join(folder, 'peerstore')
    assert.deepEqual(await readPeerstore(path), [])
    const addresses = [`/ip4/1.2.3.4/tcp/9096/p2p/${A}`, `/dns4/peer.example/tcp/9096/p2p/${A}`]
    await writePeerstore(path, addresses)
    assert.deepEqual(await readPeerstore(path), addresses)
    assert.equal((await stat(path)).mode & 0o777, 0o644)
    await writeFile(path, `# kept by hand\n\n  ${await readFile(path, 'utf8')}\r\n`)
    assert.deepEqual(await readPeerstore(path), addresses)
    await assert.rejects(readPeerstore(folder), /cannot be read/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
