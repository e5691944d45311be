import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { PROCESS_METRICS } from './metrics.ts'
import { serveMetrics } from './metrics-server.ts'

test('a scrape asks the process once for its memory, and shows all of it', async t => {
  await using server = await serveMetrics(
    { logger: silentLogger() },
    { metricsAddress: '/ip4/127.0.0.1/tcp/0' },
  )
  const asked = t.mock.method(process, 'memoryUsage')
  const rss = t.mock.method(process.memoryUsage, 'rss')
  const text = await (await fetch(server.url)).text()
  for (const { name } of Object.values(PROCESS_METRICS)) {
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]
    assert.ok(Number(value) > 0, `${name} ${value}`)
  }
  assert.equal(asked.mock.callCount() + rss.mock.callCount(), 1)
})
