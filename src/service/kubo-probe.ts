import { request } from 'node:http'
import { type ApiAddress, parseApiAddress } from '../api/address.ts'

const TIMEOUT_MS = 2000

/** Whether a Kubo answers at the multiaddr of its RPC: any answer to a request for its version that only Kubo gives. */
export async function answersLikeKubo(address: string, signal: AbortSignal): Promise<boolean> {
  const place = parseApiAddress(address)
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
  try {
    return await ask(place, limit)
  } catch {
    // Whatever kept it from answering, nobody there can be used as a Kubo.
    signal.throwIfAborted()
    return false
  }
}

function ask(place: ApiAddress, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const where = place.kind === 'unix' ? { socketPath: place.path } : { host: place.host, port: place.port }
    const call = request({ ...where, method: 'POST', path: '/api/v0/version', signal }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        if (text.length < 65_536) text += chunk
      })
      response.once('error', reject)
      response.once('end', () => resolve(response.statusCode === 200 && text.includes('"Version"')))
    })
    call.once('error', reject)
    call.end()
  })
}
