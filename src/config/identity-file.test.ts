import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createIdentity } from '../model/identity.ts'
import {
  legacyIdentity,
  overrideIdentity,
  readIdentity,
  textOfIdentity,
  toIdentity,
  writeIdentity,
} from './identity-file.ts'
import { pathsIn } from './paths.ts'

// Written by ipfs-cluster-service 1.1.6 (a throw-away key).
const REFERENCE = {
  id: '12D3KooWPBV1vPzGQaReRtg4cnXiBYhSApS9vXE8bgzhRJYPgJDQ',
  private_key: 'CAESQLvIUM6VJjIffI3stprZfJbpaJpPmzfBjNAxb2w8GNkpxpDetVxyP8FFPn4MLatrBvmrXRYENWbjRniG1ZZKEEs=',
}

test('an identity is read back as it was written, and only its owner may read it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pinfold-identity-'))
  try {
    const paths = pathsIn(join(folder, 'peer'))
    assert.equal(await readIdentity(paths), undefined)
    const identity = createIdentity()
    await writeIdentity(paths, identity)
    const text = await readIdentity(paths)
    assert.ok(text !== undefined)
    assert.deepEqual(toIdentity(text, 'x').privateKey, identity.privateKey)
    assert.equal((await stat(paths.identity)).mode & 0o777, 0o600)
    assert.equal((await stat(paths.folder)).mode & 0o777, 0o700)
    assert.match(
      await readFile(paths.identity, 'utf8'),
      /^\{\n {4}"id": "12D3KooW.*",\n {4}"private_key": ".*"\n\}$/,
    )
    await writeFile(paths.identity, '{"private_key": "CAESQL')
    await assert.rejects(readIdentity(paths), (thrown: Error) => !thrown.message.includes('CAESQL'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('an identity of the reference is taken, from its own file and from an old service.json', () => {
  const text = { id: REFERENCE.id, privateKey: REFERENCE.private_key }
  assert.equal(toIdentity(text, 'x').id, REFERENCE.id)
  assert.deepEqual(legacyIdentity({ cluster: { ...REFERENCE, peername: 'a' } }), text)
  assert.equal(legacyIdentity({ cluster: { id: REFERENCE.id } }), undefined)
})

test('a key that is not the id’s own is refused, without showing the key', () => {
  const other = createIdentity()
  const text = { id: REFERENCE.id, privateKey: textOfIdentity(other).privateKey }
  assert.throws(
    () => toIdentity(text, 'identity.json'),
    (thrown: Error) =>
      /identity\.json: identity ID does not match/.test(thrown.message) &&
      !thrown.message.includes(String(text.privateKey)),
  )
  assert.throws(() => toIdentity({ id: 'x', privateKey: undefined }, 'f'), /must both be set/)
  assert.throws(() => toIdentity({ id: 'x', privateKey: REFERENCE.private_key }, 'f'), /not a peer id/)
  assert.throws(() => toIdentity({ id: REFERENCE.id, privateKey: 'AAAA' }, 'f'), /not an Ed25519 key/)
})

test('the environment goes before the file', () => {
  const file = textOfIdentity(createIdentity())
  const environment = { CLUSTER_ID: REFERENCE.id, CLUSTER_PRIVATEKEY: REFERENCE.private_key }
  assert.equal(toIdentity(overrideIdentity(file, environment), 'x').id, REFERENCE.id)
  assert.deepEqual(overrideIdentity(file, { CLUSTER_ID: '' }), file)
})
