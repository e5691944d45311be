import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { systemClock } from '../../src/lib/clock.ts'

/** What a process holds. */
export interface Holdings {
  /** Memory of its own, without mapped files, in kilobytes. */
  readonly memoryKb: number
  /** Open files and connections. */
  readonly files: number
  /** Processor time so far, in milliseconds. */
  readonly cpuMs: number
}

/** What a process of this machine holds now; Linux only. */
export async function holdingsOf(pid: number): Promise<Holdings> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  const files = await readdir(`/proc/${pid}/fd`)
  return {
    memoryKb: Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]),
    files: files.length,
    // User and system time in ticks of a hundredth of a second.
    cpuMs: (Number(stat[11]) + Number(stat[12])) * 10,
  }
}

/** Connections that a test holds. */
export interface Guests extends Disposable {
  readonly sockets: readonly net.Socket[]
  /** How many the server has not closed. */
  openCount(): number
}

const AT_A_TIME = 200

/** Opens connections, sends the bytes on each, and reads what comes unless told not to. */
export async function openGuests(
  port: number,
  count: number,
  bytes: string,
  { isReading = true }: { readonly isReading?: boolean } = {},
): Promise<Guests> {
  const sockets: net.Socket[] = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(AT_A_TIME, count - sockets.length) }, () => {
      const socket = net.connect(port, '127.0.0.1')
      // Being cut off is what many of them are there for.
      socket.on('error', () => undefined)
      if (isReading) socket.resume()
      else socket.pause()
      return socket
    })
    await Promise.all(batch.map(socket => once(socket, 'connect')))
    if (bytes !== '') for (const socket of batch) socket.write(bytes)
    sockets.push(...batch)
  }
  return {
    sockets,
    openCount: () => sockets.filter(socket => !socket.closed).length,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Asks for something and leaves when that much of the answer has come. */
export async function leaveEarly(port: number, path: string, bytes: number): Promise<void> {
  const request = http.get({ host: '127.0.0.1', port, path, agent: false })
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let seen = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      seen += chunk.length
      if (seen >= bytes) break
    }
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ECONNRESET')) throw thrown
  }
  request.destroy()
}

/** Milliseconds that a short question takes, with a connection of its own. */
export async function askShortly(port: number): Promise<number> {
  const began = performance.now()
  const request = http.get({ host: '127.0.0.1', port, path: '/version', agent: false })
  // Whoever waits for the answer sees it; later it is of no interest.
  request.on('error', () => undefined)
  const [response] = (await once(request, 'response', { signal: AbortSignal.timeout(30_000) })) as [
    http.IncomingMessage,
  ]
  response.resume()
  await once(response, 'end')
  if (response.statusCode !== 200) throw new Error(`/version answers ${response.statusCode}`)
  return performance.now() - began
}

/** The slowest of several short questions. */
export async function slowestOf(port: number, count: number): Promise<number> {
  let slowest = 0
  for (let asked = 0; asked < count; asked += 1) {
    slowest = Math.max(slowest, await askShortly(port))
    await systemClock.sleep(20, AbortSignal.timeout(5000))
  }
  return slowest
}

/** Pins that many CIDs by the line, and waits until all are on disk. */
export async function pinNumbers(
  port: number,
  cids: AsyncIterable<string> | Iterable<string>,
): Promise<void> {
  const request = http.request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/pins?answers=failed',
    headers: { 'Content-Type': 'application/x-ndjson' },
  })
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>
  for await (const cid of cids) if (!request.write(`${cid}\n`)) await once(request, 'drain')
  request.end()
  const [response] = await answered
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += String(chunk)
  if (response.statusCode !== 200 || !text.includes('"failed":0'))
    throw new Error(`not pinned: ${text.slice(-500)}`)
}
