import { existsSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createNoopMeter } from '@opentelemetry/api'
import { importPins } from './cluster/import-pins.ts'
import type { DaemonSettings } from './config/settings.ts'
import { METRICS } from './consensus/metrics.ts'
import { Replica } from './consensus/replica.ts'
import { ClusterError } from './errors.ts'
import type { Logger, Options, PinRange } from './interfaces.ts'
import type { Clock } from './lib/clock.ts'
import { makeInstruments } from './lib/instruments.ts'
import type { Random } from './lib/random.ts'
import type { BulkLines, ImportChanges } from './model/bulk.ts'
import type { Pin } from './model/pin.ts'
import { openLevel } from './store/level.ts'

/** Memory for loaded pieces of the pinset: an import merges nothing, and hardly ever loads one twice. */
const MEMORY_BYTES = 8 * 1024 * 1024

/** What the pinset of a peer that does not run is read and written with. */
export interface StoredStateSeams {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** The pinset in a peer's folder, without the peer. Whoever uses it holds the lock of the folder. */
export interface StoredState {
  /** Every entry of the range, in order of CID bytes. */
  pins(range: PinRange, options: Options): AsyncIterable<Pin>
  /**
   * Puts entries in the place of the whole pinset, and answers with their number. All or nothing: the first line that
   * cannot be imported is thrown, and everything stays as it was.
   */
  replace(lines: BulkLines<Pin>, changes: ImportChanges, options: Options): Promise<number>
  /** Removes the pinset. */
  remove(): Promise<void>
}

/** The pinset in the folder that the settings name. */
export function storedState(settings: DaemonSettings, seams: StoredStateSeams): StoredState {
  const paths = pathsIn(settings.storeFolder)
  return {
    async *pins(range, { signal }) {
      await finishReplacing(settings.storeFolder)
      await using parts = new AsyncDisposableStack()
      const replica = await openReplica(parts, paths.present, settings, seams)
      for await (const pin of replica.pins(range)) {
        signal.throwIfAborted()
        yield pin
      }
    },
    async replace(lines, changes, options) {
      await finishReplacing(settings.storeFolder)
      await rm(paths.next, { recursive: true, force: true })
      try {
        const count = await fill(paths.next, settings, seams, lines, changes, options)
        await rename(existsSync(paths.present) ? paths.present : paths.next, paths.past)
        return count
      } finally {
        await finishReplacing(settings.storeFolder)
        await rm(paths.next, { recursive: true, force: true })
      }
    },
    async remove() {
      for (const path of Object.values(paths)) await rm(path, { recursive: true, force: true })
    },
  }
}

function pathsIn(storeFolder: string) {
  const present = join(storeFolder, 'pinset')
  return { present, next: `${present}.next`, past: `${present}.past` }
}

/** Ends what a process has begun that was killed while it replaced the pinset: a past one means that the next is whole. */
export async function finishReplacing(storeFolder: string): Promise<void> {
  const { present, next, past } = pathsIn(storeFolder)
  if (!existsSync(past)) return
  if (!existsSync(present)) await rename(existsSync(next) ? next : past, present)
  {
    await using folder = await open(storeFolder)
    await folder.sync()
  }
  await rm(past, { recursive: true, force: true })
}

async function openReplica(
  parts: AsyncDisposableStack,
  folder: string,
  settings: DaemonSettings,
  seams: StoredStateSeams,
): Promise<Replica> {
  const store = parts.use(await openLevel(folder, settings.store))
  const metrics = makeInstruments(createNoopMeter(), METRICS)
  const self = settings.identity.id
  const memoryBudgetBytes = Math.min(settings.consensus.memoryBudgetBytes, MEMORY_BYTES)
  const config = { ...settings.consensus, memoryBudgetBytes }
  return parts.use(await Replica.open({ ...seams, self, store, metrics }, config))
}

async function fill(
  folder: string,
  settings: DaemonSettings,
  seams: StoredStateSeams,
  lines: BulkLines<Pin>,
  changes: ImportChanges,
  options: Options,
): Promise<number> {
  await using parts = new AsyncDisposableStack()
  const replica = await openReplica(parts, folder, settings, seams)
  const consensus = {
    getMany: replica.getMany.bind(replica),
    put: (pins: readonly Pin[]) => replica.write(pins, [], options.signal),
    remove: () => Promise.reject(new Error('an import removes nothing')),
  }
  // Who lives is not known without the peer: entries that are to be placed anew wait for it.
  const components = { consensus, openChooser: () => () => [], replication: settings.cluster.replication }
  for await (const results of importPins(components, lines, changes, options)) {
    for (const { line, outcome } of results) {
      if (typeof outcome === 'string') continue
      throw new ClusterError(outcome.code, `line ${line}: ${outcome.message}`, { cause: outcome })
    }
  }
  return replica.pinsCount
}
