import { freePort } from '../free-port.ts'

/** The TCP ports of one peer. */
export interface Ports {
  readonly rest: number
  readonly cluster: number
  readonly ipfs: number
}

const LOOPBACK = '127.0.0.1'
const DEFAULTS: Ports = { rest: 9094, cluster: 9096, ipfs: 4001 }
const STEP = 100

/** Ports for each of the peers: the defaults for the first, each further one 100 higher; free ones where they are busy. */
export async function choosePorts(peersCount: number): Promise<readonly Ports[]> {
  const taken = new Set<number>()
  const chosen: Ports[] = []
  for (let at = 0; at < peersCount; at++) {
    chosen.push({
      rest: await freePort(LOOPBACK, DEFAULTS.rest + at * STEP, taken),
      cluster: await freePort(LOOPBACK, DEFAULTS.cluster + at * STEP, taken),
      ipfs: await freePort(LOOPBACK, DEFAULTS.ipfs + at * STEP, taken),
    })
  }
  return chosen
}
