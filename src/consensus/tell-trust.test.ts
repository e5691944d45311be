import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Emitter } from '../lib/emitter.ts'
import { tellTrust } from './tell-trust.ts'

function open(isSelfTrusted: boolean) {
  const said: string[] = []
  const changed = new Emitter<string>()
  const state = { trusted: new Set(['self']), isSelfTrusted }
  const trust = {
    get isSelfTrusted() {
      return state.isSelfTrusted
    },
    isTrusted: (peer: string) => state.trusted.has(peer),
    onChanged: (listener: (peer: string) => void) => changed.on(listener),
  }
  const logger = {
    info: (message: string) => void said.push(`info ${message}`),
    warn: (message: string) => void said.push(`warn ${message}`),
  }
  const telling = tellTrust(trust, 'self', logger)
  return { said, changed, state, telling }
}

test('each change of trust is told; that this peer is not trusted is a warning, also at the start', () => {
  const { said, changed, state, telling } = open(true)
  changed.emit('other')
  state.trusted.add('other')
  changed.emit('other')
  state.isSelfTrusted = false
  changed.emit('self')
  state.isSelfTrusted = true
  changed.emit('self')
  const warning =
    'warn the cluster does not trust this peer: the others refuse what it writes, until one of them trusts it again'
  const trusted = 'info a peer is trusted from now on'
  assert.deepEqual(said, ['info a peer is not trusted any more', trusted, warning, trusted])
  telling[Symbol.dispose]()
  changed.emit('other')
  assert.equal(said.length, 4)
  assert.deepEqual(open(false).said, [warning])
})
