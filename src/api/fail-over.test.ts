import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { numberedCid } from '../../test/support/numbered-cid.ts'
import { openRestServer } from '../../test/support/rest-server.ts'
import { toPin } from '../model/pin.ts'
import { openClient } from './client.ts'

const options = { signal: AbortSignal.timeout(60_000) }
const cid = numberedCid(1)
const hash = cid.toString()

test('when a connection breaks, a question goes to the next host, and a change to nobody', async () => {
  const met: string[] = []
  const broken = http.createServer(request => {
    met.push(`${request.method} ${request.url}`)
    request.socket.destroy()
  })
  broken.listen(0, '127.0.0.1')
  await once(broken, 'listening')
  const { port } = broken.address() as AddressInfo
  let pinned = 0
  await using server = await openRestServer({
    version: '1',
    pin: async () => {
      pinned += 1
      return toPin(cid, {})
    },
  })
  const client = openClient({ hosts: [`http://127.0.0.1:${port}`, server.address], timeoutMs: 0 })
  assert.deepEqual(await client.version({}, options), { version: '1' })
  for (const call of [client.pin({ params: { hash } }, options), client.unpin({ params: { hash } }, options)])
    await assert.rejects(call, {
      code: 'PEER_UNREACHABLE',
      message: /may have taken the request all the same/,
    })
  assert.deepEqual(met, ['GET /version', `POST /pins/${hash}`, `DELETE /pins/${hash}`])
  assert.equal(pinned, 0)
  broken.close()
})
