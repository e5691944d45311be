import { createServer } from 'node:net'

/** Whether a TCP port on a host can be listened on now; 0 = any, which answers with the one that was free. */
async function tryPort(host: string, port: number): Promise<number | undefined> {
  const server = createServer()
  return await new Promise(resolve => {
    server.once('error', () => resolve(undefined))
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      const found = typeof address === 'object' && address !== null ? address.port : undefined
      server.close(() => resolve(found))
    })
  })
}

const TRIES_MAX = 20

/** A port that is free now: the wanted one, or any other when it is busy or already in `taken`, which it joins. */
export async function freePort(host: string, wanted: number, taken: Set<number>): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const found = await tryPort(host, tries === 0 ? wanted : 0)
    if (found === undefined || taken.has(found)) continue
    taken.add(found)
    return found
  }
  throw new Error(`no free port on ${host}`)
}

/** A multiaddr with another TCP or UDP port. */
export function withPort(address: string, port: number): string {
  return address.replace(/\/(tcp|udp)\/\d+/, `/$1/${port}`)
}

/** The host and TCP port of a multiaddr, undefined when it has none. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } | undefined {
  const parts = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/(?:tcp|udp)\/(\d+)/.exec(address)
  const [, host, port] = parts ?? []
  return host === undefined || port === undefined ? undefined : { host, port: Number(port) }
}
