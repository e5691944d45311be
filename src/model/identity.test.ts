import assert from 'node:assert/strict'
import { it } from 'node:test'
import { base58btc } from 'multiformats/bases/base58'
import { createIdentity, isSignedBy } from './identity.ts'

const message = Uint8Array.of(1, 2, 3)

it('a signature counts for its message and its signer only', () => {
  const [own, other] = [createIdentity(), createIdentity()]
  const signature = own.sign(message)
  assert.equal(isSignedBy(own.id, message, signature), true)
  assert.equal(isSignedBy(other.id, message, signature), false)
  assert.equal(isSignedBy(own.id, Uint8Array.of(1, 2), signature), false)
  assert.equal(isSignedBy(own.id, message, signature.subarray(1)), false)
})

it('nobody has signed in the name of what is no peer id, and asking does not throw', () => {
  const own = createIdentity()
  const signature = own.sign(message)
  const bytes = base58btc.decode(`z${own.id}`)
  // The same key behind an identity code that takes two bytes: another text for the same peer must not pass.
  const longer = base58btc.baseEncode(Uint8Array.of(0x80, 0x00, ...bytes.subarray(1)))
  const names = [
    '',
    '1',
    'xyz',
    '!!',
    'Qm',
    own.id.slice(1),
    `${own.id}1`,
    `1${own.id}`,
    `${own.id} `,
    longer,
  ]
  for (const name of [...names, '__proto__', `12D3KooW${'1'.repeat(44)}`, `12D3KooW${'z'.repeat(44)}`]) {
    assert.equal(isSignedBy(name, message, signature), false, name)
  }
})
