import { once } from 'node:events'
import net from 'node:net'

/** Bytes on a connection to loopback, and what came back so far. */
export interface RawConnection extends Disposable {
  readonly socket: net.Socket
  /** What the server has sent so far. */
  readonly text: () => string
  /** Status of every answer so far. */
  readonly statuses: () => readonly number[]
  readonly isClosed: () => boolean
}

/** Sends bytes that no HTTP library would, in Latin-1. */
export async function sendRaw(port: number, bytes: string): Promise<RawConnection> {
  const socket = net.connect(port, '127.0.0.1')
  let text = ''
  let isClosed = false
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
  })
  // A server that cuts the connection is one of the expected ends.
  socket.on('error', () => undefined)
  socket.on('close', () => {
    isClosed = true
  })
  await once(socket, 'connect')
  socket.write(Buffer.from(bytes, 'latin1'))
  return {
    socket,
    text: () => text,
    statuses: () => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)),
    isClosed: () => isClosed,
    [Symbol.dispose]: () => void socket.destroy(),
  }
}
