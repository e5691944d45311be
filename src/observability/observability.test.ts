import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Create } from 'typebox/value'
import { openGuests } from '../../test/support/door-guests.ts'
import { eventually } from '../../test/support/eventually.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { ClusterError } from '../errors.ts'
import { makeInstruments } from '../lib/instruments.ts'
import { NO_TRACER, withSpan } from '../lib/span.ts'
import { observabilitySchema, toObservabilityConfig } from './config.ts'
import { serveMetrics } from './metrics-server.ts'
import { openObservability } from './observability.ts'
import { openTracing } from './tracing.ts'

const CONTEXT = { peername: 'peer0', peer: 'p0', logLevelFlag: '', environment: {} }
const ANY_PORT = { metricsAddress: '/ip4/127.0.0.1/tcp/0' }
const run = promisify(execFile)

test('log levels of the section give way to the environment, and that to the flag', () => {
  const environment = { IPFS_CLUSTER_LOG_LEVEL: 'warn,cluster:debug', IPFS_LOGGING_FMT: 'json' }
  const section = Create(observabilitySchema)
  const { logs } = toObservabilityConfig(section, { ...CONTEXT, environment, logLevelFlag: 'cluster:error' })
  assert.equal(logs.levels.byDefault, 'warn')
  assert.equal(logs.levels.byComponent.get('cluster'), 'error')
  assert.equal(logs.format, 'json')
})

test('a Jaeger address is accepted and answered with a note', () => {
  const section = Create(observabilitySchema)
  const tracing = { ...section.tracing, enable_tracing: true, jaeger_agent_endpoint: '/ip4/0.0.0.0/udp/6831' }
  const config = toObservabilityConfig({ ...section, tracing }, CONTEXT)
  assert.match(config.notes.join(), /otlp_endpoint/)
  assert.equal(config.tracing?.serviceName, 'cluster-daemon-peer0')
})

test('metrics have the names of their tables, without labels, counters from 0 and without _total', async () => {
  await using server = await serveMetrics({ logger: silentLogger() }, ANY_PORT)
  const instruments = makeInstruments(server.meter, {
    pinAdd: { name: 'ipfscluster_pins_pin_add', kind: 'counter', help: 'Total number of IPFS pin requests' },
    asked: { name: 'pinfold_asked_total', kind: 'counter', help: 'Says total itself' },
    pins: { name: 'ipfscluster_pins', kind: 'gauge', help: 'Total number of cluster pins' },
    wait: { name: 'pinfold_wait_seconds', kind: 'histogram', help: 'Seconds', unit: 's' },
  })
  instruments.pins.observe(() => 7)
  const before = await (await fetch(server.url)).text()
  assert.match(before, /^ipfscluster_pins_pin_add 0$/m)
  instruments.pinAdd.add(2)
  instruments.asked.add(1)
  instruments.wait.record(0.03)
  const response = await fetch(server.url, { headers: { 'accept-encoding': 'gzip' } })
  const text = await response.text()
  assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.equal(response.headers.get('content-encoding'), 'gzip')
  assert.match(text, /^# TYPE ipfscluster_pins_pin_add counter$/m)
  assert.match(text, /^# HELP ipfscluster_pins_pin_add Total number of IPFS pin requests$/m)
  assert.match(text, /^ipfscluster_pins_pin_add 2$/m)
  assert.match(text, /^pinfold_asked_total 1$/m)
  assert.match(text, /^ipfscluster_pins 7$/m)
  assert.match(text, /^pinfold_wait_seconds_bucket\{le="0.05"\} 1$/m)
  assert.match(text, /^process_resident_memory_bytes \d{6,}$/m)
  assert.match(text, /^process_cpu_seconds_total \d/m)
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m)
  assert.doesNotMatch(text, /otel_scope|target_info/)
  assert.equal((await fetch(server.url.replace('/metrics', '/'))).status, 404)
})

test('the connections for scrapes have a bound', async () => {
  await using server = await serveMetrics({ logger: silentLogger() }, ANY_PORT)
  const { port } = new URL(server.url)
  using guests = await openGuests(Number(port), 400, '')
  await eventually('some are not taken', () => guests.openCount() <= 256)
  const [first] = guests.sockets
  assert.equal(first?.closed, false)
})

test('the longest delay of the event loop shows in the next scrape, and only there', async () => {
  await using server = await serveMetrics({ logger: silentLogger() }, ANY_PORT)
  const longest = async () => {
    const text = await (await fetch(server.url)).text()
    return Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1])
  }
  // A scrape makes the sampler begin anew: it does not see a delay that begins before its next tick.
  await eventually('a delay shows', async () => {
    const end = performance.now() + 1000
    while (performance.now() < end);
    return (await longest()) >= 0.9
  })
  await eventually('it does not show again', async () => (await longest()) < 0.9)
})

test('a taken port refuses the start and names the address and the setting', async () => {
  const taken = createTcpServer().listen(0, '127.0.0.1')
  await new Promise(resolve => taken.once('listening', resolve))
  const { port } = taken.address() as AddressInfo
  try {
    const section = Create(observabilitySchema)
    const metrics = {
      ...section.metrics,
      enable_stats: true,
      prometheus_endpoint: `/ip4/127.0.0.1/tcp/${port}`,
    }
    await assert.rejects(
      openObservability(toObservabilityConfig({ ...section, metrics }, CONTEXT)),
      (error: unknown) =>
        error instanceof ClusterError &&
        error.message.includes(`/tcp/${port}`) &&
        error.message.includes('prometheus_endpoint'),
    )
  } finally {
    await new Promise(resolve => taken.close(resolve))
  }
})

test('an address that is none is refused by name', async () => {
  await assert.rejects(serveMetrics({ logger: silentLogger() }, { metricsAddress: '/udp/1' }), {
    code: 'CONFIG_INVALID',
  })
  await assert.rejects(serveMetrics({ logger: silentLogger() }, { metricsAddress: 'localhost:8888' }), {
    code: 'CONFIG_INVALID',
  })
})

interface SentSpan {
  readonly name: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly status?: { readonly code?: number; readonly message?: string }
}

/** A collector that keeps the spans it is sent (OTLP over HTTP, JSON). */
async function collector() {
  const spans: SentSpan[] = []
  const resources: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString())
      for (const { resource, scopeSpans } of body.resourceSpans) {
        resources.push(JSON.stringify(resource))
        for (const scope of scopeSpans) spans.push(...scope.spans)
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    spans,
    resources,
    endpoint: `http://127.0.0.1:${port}/v1/traces`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

test('spans reach the collector with their parents, their failures and the name of the peer', async () => {
  await using sink = await collector()
  {
    const config = {
      endpoint: sink.endpoint,
      samplingProbability: 1,
      serviceName: 'cluster-daemon-peer0',
      peer: 'p0',
    }
    await using tracing = openTracing({ logger: silentLogger() }, config)
    await assert.rejects(
      withSpan(tracing.tracer, 'cluster/Pin', async () => {
        await new Promise(resolve => setImmediate(resolve))
        await withSpan(
          tracing.tracer,
          'consensus/Put',
          async () => undefined,
          () => ({ pins: 1 }),
        )
        throw new Error('refused')
      }),
      /refused/,
    )
  }
  const outer = sink.spans.find(span => span.name === 'cluster/Pin')
  const inner = sink.spans.find(span => span.name === 'consensus/Put')
  assert.ok(outer !== undefined && inner !== undefined)
  assert.equal(inner.parentSpanId, outer.spanId)
  assert.equal(outer.status?.message, 'refused')
  assert.match(sink.resources.join(), /cluster-daemon-peer0/)
  assert.match(sink.resources.join(), /cluster_id/)
})

test('a collector that is gone costs a warning, not the disposal', async () => {
  const logger = silentLogger()
  const gone = await collector()
  await gone[Symbol.asyncDispose]()
  {
    const config = { endpoint: gone.endpoint, samplingProbability: 1, serviceName: 's', peer: 'p0' }
    await using tracing = openTracing({ logger }, config)
    assert.equal(await withSpan(tracing.tracer, 'cluster/Pin', async () => 1), 1)
  }
  assert.ok(logger.lines.some(line => /traces could not be sent/.test(line.message)))
})

test('no span is made when tracing is off', async () => {
  let calls = 0
  const labels = () => {
    calls++
    return {}
  }
  assert.equal(await withSpan(NO_TRACER, 'cluster/Pin', async () => 5, labels), 5)
  assert.equal(calls, 0)
})

const PROBE = `
import { registerHooks } from 'node:module'
const loaded = []
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
const { openObservability } = await import(process.argv[1])
const config = JSON.parse(process.argv[2])
config.logs.levels.byComponent = new Map()
const from = performance.now()
const parts = await openObservability(config)
const ms = performance.now() - from
await parts[Symbol.asyncDispose]()
console.log(JSON.stringify({ ms, sdk: loaded.filter(url => /sdk-|exporter-|pino-pretty|resources/.test(url)).length }))
`

async function probe(metricsAddress: string | undefined): Promise<{ ms: number; sdk: number }> {
  const config = { logs: { levels: { byDefault: 'warn' }, format: 'json' }, metricsAddress, notes: [] }
  const entry = new URL('./observability.ts', import.meta.url).href
  const { stdout } = await run(process.execPath, [
    '--input-type=module',
    '--eval',
    PROBE,
    entry,
    JSON.stringify(config),
  ])
  return JSON.parse(stdout)
}

test('with metrics and traces off nothing of the SDK is loaded, and opening takes next to no time', async () => {
  const off = await probe(undefined)
  assert.equal(off.sdk, 0)
  assert.ok(off.ms < 50, `opening took ${off.ms} ms`)
  const on = await probe('/ip4/127.0.0.1/tcp/0')
  assert.ok(on.sdk > 0, 'the probe sees the SDK when it is loaded')
})
