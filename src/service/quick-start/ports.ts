import { freePort } from '../free-port.ts'

/** The TCP ports of one peer. */
export interface Ports {
  readonly rest: number
  readonly pinsvc: number
  readonly proxy: number
  readonly cluster: number
  readonly ipfs: number
}

const LOOPBACK = '127.0.0.1'
const DEFAULTS: Ports = { rest: 9094, pinsvc: 9097, proxy: 9095, cluster: 9096, ipfs: 4001 }
const STEP = 100

/** The usual ports of the n-th peer, from 0. */
function usualPorts(at: number): Ports {
  return {
    rest: DEFAULTS.rest + at * STEP,
    pinsvc: DEFAULTS.pinsvc + at * STEP,
    proxy: DEFAULTS.proxy + at * STEP,
    cluster: DEFAULTS.cluster + at * STEP,
    ipfs: DEFAULTS.ipfs + at * STEP,
  }
}

/** The usual ports that peers did not get. */
export function busyPorts(chosen: readonly Ports[]): readonly number[] {
  return chosen.flatMap((ports, at) => {
    const usual = usualPorts(at)
    const kinds = ['rest', 'pinsvc', 'proxy', 'cluster', 'ipfs'] as const
    return kinds.filter(kind => ports[kind] !== usual[kind]).map(kind => usual[kind])
  })
}

/** Ports for each of the peers: the defaults for the first, each further one 100 higher; free ones where they are busy. */
export async function choosePorts(peersCount: number): Promise<readonly Ports[]> {
  const taken = new Set<number>()
  const chosen: Ports[] = []
  for (let at = 0; at < peersCount; at++) {
    const usual = usualPorts(at)
    chosen.push({
      rest: await freePort(LOOPBACK, usual.rest, taken),
      pinsvc: await freePort(LOOPBACK, usual.pinsvc, taken),
      proxy: await freePort(LOOPBACK, usual.proxy, taken),
      cluster: await freePort(LOOPBACK, usual.cluster, taken),
      ipfs: await freePort(LOOPBACK, usual.ipfs, taken),
    })
  }
  return chosen
}
