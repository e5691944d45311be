import { test } from 'node:test'
import { createNoopMeter } from '@opentelemetry/api'
import { openKubo } from '../../src/ipfs/kubo/kubo.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { findKubo, startKubo } from '../support/kubo.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { ipfsContract } from './ipfs.ts'

const binary = await findKubo()

const openPair = async (path: string) => {
  await using parts = new AsyncDisposableStack()
  const openOne = async () => {
    const kubo = parts.use(await startKubo(path))
    const components = { clock: systemClock, logger: silentLogger(), meter: createNoopMeter() }
    const config = {
      nodeAddress: kubo.rpcAddress,
      requestTimeoutMs: 10_000,
      pinTimeoutMs: 1500,
      unpinTimeoutMs: 10_000,
      repoGcTimeoutMs: 10_000,
      isUnpinDisabled: false,
    }
    return parts.use(await openKubo(components, config))
  }
  const node = await openOne()
  const other = await openOne()
  const open = parts.move()
  return { node, other, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

if (binary === undefined) {
  test(
    'Kubo keeps the contract of Ipfs',
    { skip: 'no Kubo: put ipfs on the PATH or name it in KUBO_BIN' },
    () => undefined,
  )
} else {
  ipfsContract('Kubo', () => openPair(binary))
}
