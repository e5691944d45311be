import assert from 'node:assert/strict'
import { it } from 'node:test'
import { makeAnnounceFilter } from './announced.ts'

it('hides exact addresses and those within a range, and nothing else', () => {
  const isAnnounced = makeAnnounceFilter([
    '/ip4/1.2.3.4/tcp/9096',
    '/ip4/10.0.0.0/ipcidr/8',
    '/ip6/fe80::/ipcidr/10',
  ])
  const peer = '/p2p/12D3KooWGBfKT1Y2rCPbSoXxBAq7Yhdt38yEQvJFqAGXbLGyxKhv'
  assert.equal(isAnnounced(`/ip4/1.2.3.4/tcp/9096${peer}`), false)
  assert.equal(isAnnounced('/ip4/1.2.3.4/tcp/9096'), false)
  assert.equal(isAnnounced(`/ip4/1.2.3.4/tcp/9097${peer}`), true)
  assert.equal(isAnnounced(`/ip4/10.200.1.1/tcp/9096${peer}`), false)
  assert.equal(isAnnounced(`/ip4/11.0.0.1/tcp/9096${peer}`), true)
  assert.equal(isAnnounced(`/ip6/fe80::1/tcp/9096${peer}`), false)
  assert.equal(isAnnounced(`/ip6/::1/tcp/9096${peer}`), true)
  assert.equal(isAnnounced(`/dns4/example.net/tcp/9096${peer}`), true)
})

it('refuses a range that is none', () => {
  for (const range of ['/ip4/10.0.0.0/ipcidr/33', '/dns4/example.net/ipcidr/8', '/ip6/10.0.0.0/ipcidr/8']) {
    assert.throws(() => makeAnnounceFilter([range]), { code: 'CONFIG_INVALID' })
  }
})
