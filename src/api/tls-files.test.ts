import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { openRestServer, type RestServer, until } from '../../test/support/rest-server.ts'
import { virtualClock } from '../../test/support/virtual-clock.ts'
import { ClusterError } from '../errors.ts'
import { openClient } from './client.ts'

const options = { signal: AbortSignal.timeout(60_000) }
const file = (name: string) => new URL(`../../test/support/tls/${name}`, import.meta.url).pathname

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tls-'))
})
after(() => rm(folder, { recursive: true }))

/** The name in the certificate that a new connection is shown. */
async function shownTo(server: RestServer): Promise<string> {
  const socket = tls.connect({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

test('TLS serves; its certificate is checked unless told otherwise', async () => {
  const settings = { ssl_cert_file: file('cert.pem'), ssl_key_file: file('key.pem') }
  await using server = await openRestServer({ version: '1' }, settings)
  const hosts = [`${server.address}/https`]
  const trusting = openClient({ hosts, timeoutMs: 0, isCertificateChecked: false })
  assert.deepEqual(await trusting.version({}, options), { version: '1' })
  await assert.rejects(openClient({ hosts, timeoutMs: 0 }).version({}, options), { code: 'PEER_UNREACHABLE' })
  await assert.rejects(server.client().version({}, options), ClusterError)
})

test('a renewed certificate serves new connections, old ones stay, and a broken one changes nothing', async () => {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  await copyFile(file('cert.pem'), cert)
  await copyFile(file('key.pem'), key)
  const clock = virtualClock()
  await using server = await openRestServer(
    { version: '1' },
    { ssl_cert_file: cert, ssl_key_file: key },
    clock,
  )
  assert.equal(await shownTo(server), 'localhost')
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
  const statusOf = async () => {
    const request = https.get({ agent, port: server.port, host: '127.0.0.1', path: '/version' })
    const [response] = await once(request, 'response')
    response.resume()
    await once(response, 'end')
    return [response.statusCode, request.reusedSocket]
  }
  assert.deepEqual(await statusOf(), [200, false])

  // Half of a renewal: the key is not that of the certificate.
  await copyFile(file('renewed.pem'), cert)
  await clock.advance(10_000)
  const errors = () => server.logger.lines.filter(({ level }) => level === 'error')
  await until('the fault is told', () => errors().length === 1)
  assert.match(JSON.stringify(errors()), /the old ones stay/)
  assert.equal(await shownTo(server), 'localhost')
  await clock.advance(30_000)

  await copyFile(file('renewed-key.pem'), key)
  await clock.advance(10_000)
  const end = performance.now() + 5000
  while ((await shownTo(server)) !== 'renewed') assert.ok(performance.now() < end, 'renewed within 5 s')
  assert.equal(errors().length, 1, 'a fault is told once')
  assert.deepEqual(await statusOf(), [200, true])

  await rm(cert)
  await clock.advance(10_000)
  await until('the missing file is told', () => errors().length === 2)
  assert.equal(await shownTo(server), 'renewed')
  agent.destroy()
})

test('a client certificate of the authority is a credential; others and none are not', async () => {
  const settings = {
    ssl_cert_file: file('renewed.pem'),
    ssl_key_file: file('renewed-key.pem'),
    ssl_client_ca_file: file('authority.pem'),
    ssl_client_scope: 'read',
  } as const
  await using server = await openRestServer({ version: '1' }, settings)
  const base = {
    hosts: [`${server.address}/https`],
    timeoutMs: 10_000,
    authorities: await readFile(file('authority.pem'), 'utf8'),
  }
  const pem = (name: string) => readFile(file(name), 'utf8')
  const known = openClient({ ...base, certificate: await pem('client.pem') })
  assert.deepEqual(await known.version({}, options), { version: '1' })
  const refusal = await known.tokens({}, options).catch((thrown: unknown) => thrown)
  assert.match(String(refusal), /needs the scope "admin": certificate "operator" has "read"/)
  const stranger = openClient({ ...base, certificate: await pem('stranger.pem') })
  await assert.rejects(stranger.version({}, options), { code: 'UNAUTHENTICATED' })
  await assert.rejects(openClient(base).version({}, options), { code: 'UNAUTHENTICATED' })
  // Who asks only whether the peer is alive needs none.
  assert.equal(await openClient(base).health({}, options), undefined)
})

test('TLS before 1.2 is refused', async () => {
  const settings = { ssl_cert_file: file('cert.pem'), ssl_key_file: file('key.pem') }
  await using server = await openRestServer({ version: '1' }, settings)
  const socket = tls.connect({
    port: server.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const [error] = await once(socket, 'error')
  // The alert is sent by the server.
  assert.match(String(error), /alert protocol version/)
})

test('files that cannot be used are named at the start', async () => {
  await writeFile(join(folder, 'no.pem'), 'no certificate')
  for (const [cert, key] of [
    [file('cert.pem'), file('renewed-key.pem')],
    [join(folder, 'no.pem'), file('key.pem')],
    [join(folder, 'absent.pem'), file('key.pem')],
  ] as const) {
    await assert.rejects(openRestServer({}, { ssl_cert_file: cert, ssl_key_file: key }), (thrown: Error) =>
      thrown.message.includes(cert),
    )
  }
})
