import http from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP server on loopback whose answers a test writes by hand. */
export interface HttpDouble extends AsyncDisposable {
  /** Its address as a multiaddr. */
  readonly address: string
  readonly port: number
  /** Paths asked for so far, with their queries. */
  readonly requests: readonly string[]
}

/** Serves with the given handler until disposed; open connections are cut then. */
export async function openHttpDouble(handler: http.RequestListener, port = 0): Promise<HttpDouble> {
  const requests: string[] = []
  const server = http.createServer((request, response) => {
    requests.push(request.url ?? '')
    request.resume()
    handler(request, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    address: `/ip4/127.0.0.1/tcp/${bound}`,
    port: bound,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
