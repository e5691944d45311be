import { readdir, statfs } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { ClusterError, messageOf } from '../errors.ts'
import type { ByteStore, KeyRange, StoreWrite } from '../interfaces.ts'
import { compareBytes } from '../lib/bytes.ts'
import { checkRoom } from './check-room.ts'
import { DEFAULT_LEVEL_CONFIG, type LevelConfig } from './config.ts'

type Database = ClassicLevel<Uint8Array, Uint8Array>

const BINARY = { keyEncoding: 'view', valueEncoding: 'view' } as const
/** Up to so many keys are read in the caller's turn: cheaper than the way to a worker thread and back. */
const KEYS_AT_ONCE_MAX = 64
/**
 * Entries fetched from LevelDB in one go while iterating, further bounded by bytes. What is made of a page is then gone before
 * V8 looks for what to keep: of larger ones most would be taken for long-lived, and the heap grows to several times its size.
 */
const PAGE_ENTRIES = 64
const PAGE_BYTES = 256 * 1024
/** What is listed once is not kept for the next time: a listing would push out of the cache all that is read often. */
const SCAN = { highWaterMarkBytes: PAGE_BYTES, fillCache: false } as const

/**
 * Opens the LevelDB database in a folder, creating both when missing. `CONFLICT` when another process (or this one)
 * has it open, `STORE_FAILED` when the disk or the files are at fault.
 *
 * After a write has failed the store takes no more writes until it is opened again: LevelDB's log may then end in half
 * a record, and what is appended behind that would be lost at the next start though it was reported as written.
 */
export async function openLevel(
  folder: string,
  config: LevelConfig = DEFAULT_LEVEL_CONFIG,
): Promise<ByteStore> {
  // Before there is an object: it opens the database in its own next turn, whoever waits for it or not.
  await checkCurrent(folder)
  const db: Database = new ClassicLevel(folder, {
    ...BINARY,
    cacheSize: config.cacheSizeBytes,
    writeBufferSize: config.writeBufferSizeBytes,
    blockSize: config.blockSizeBytes,
    maxFileSize: config.maxFileSizeBytes,
    maxOpenFiles: config.openFilesMax,
    compression: config.isCompressed,
  })
  try {
    await db.open()
  } catch (thrown) {
    throw await toOpenError(folder, thrown)
  }
  return new Level(folder, db)
}

/**
 * Without its file CURRENT LevelDB would take the folder for a new database, and delete the data that is there. A lone
 * MANIFEST is a database whose making was interrupted before there was any.
 */
async function checkCurrent(folder: string): Promise<void> {
  // What can't be listed is told of by opening it.
  const names = await readdir(folder).catch((): string[] => [])
  if (names.includes('CURRENT') || !names.some(name => /\.(ldb|log)$/.test(name))) return
  throw new ClusterError(
    'STORE_FAILED',
    `the database in ${folder} has data but no file CURRENT: the files are damaged; restore a backup, or remove the folder and let other peers send the state again`,
    { details: { folder } },
  )
}

class Level implements ByteStore {
  readonly #folder: string
  readonly #db: Database
  #writeFailure: { readonly thrown: unknown } | undefined
  /** While the database is closed and opened again. */
  #swapping: Promise<void> | undefined
  #isDisposed = false

  constructor(folder: string, db: Database) {
    this.#folder = folder
    this.#db = db
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const value = await this.#attempt(async () => this.#db.getSync(key))
    return value && toPlain(value)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const values = await this.#attempt(async () =>
      keys.length <= KEYS_AT_ONCE_MAX ? keys.map(key => this.#db.getSync(key)) : this.#db.getMany([...keys]),
    )
    return values.map(value => value && toPlain(value))
  }

  async batch(writes: readonly StoreWrite[], options: { readonly isSynced: boolean }): Promise<void> {
    this.#checkWritable()
    const operations = writes.map(({ key, value }) =>
      value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
    )
    try {
      await this.#db.batch(operations, { sync: options.isSynced })
    } catch (thrown) {
      this.#writeFailure ??= { thrown }
      throw await toFailure(this.#folder, 'write', thrown)
    }
    // A batch that ran behind a failed one may lie behind its torn record.
    this.#checkWritable()
  }

  async *entries(range: KeyRange): AsyncIterable<readonly [key: Uint8Array, value: Uint8Array]> {
    for await (const page of this.pages(range)) for (const entry of page) yield entry
  }

  async *pages(range: KeyRange): AsyncIterable<readonly (readonly [key: Uint8Array, value: Uint8Array])[]> {
    const options = { ...toBounds(range), ...SCAN }
    for await (const page of this.#drain(() => this.#db.iterator(options)))
      yield page.map(([key, value]) => [toPlain(key), toPlain(value)])
  }

  async *keys(range: KeyRange): AsyncIterable<Uint8Array> {
    const options = { ...toBounds(range), ...SCAN }
    for await (const page of this.#drain(() => this.#db.keys(options)))
      for (const key of page) yield toPlain(key)
  }

  async sizeBytes(from: Uint8Array, to: Uint8Array): Promise<number> {
    return this.#attempt(() => this.#db.approximateSize(from, to))
  }

  /** Goes on reading from the database as it is until the disk has the room to open it again. */
  async reopen(): Promise<void> {
    await checkRoom(this.#folder)
    // What was disposed meanwhile stays closed: nobody would close it again.
    if (this.#isDisposed) throw closed(this.#folder)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#swapping = promise
    try {
      await this.#close()
      await this.#db.open()
      this.#writeFailure = undefined
    } catch (thrown) {
      throw thrown instanceof ClusterError ? thrown : await toOpenError(this.#folder, thrown)
    } finally {
      this.#swapping = undefined
      resolve()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    await this.#swapping
    await this.#close()
  }

  async #close(): Promise<void> {
    try {
      await this.#db.close()
    } catch (thrown) {
      throw await toFailure(this.#folder, 'close', thrown)
    }
  }

  #checkWritable(): void {
    if (this.#writeFailure === undefined) return
    throw new ClusterError(
      'STORE_FAILED',
      `the database in ${this.#folder} takes no more writes since one failed, until it is opened again`,
      { cause: this.#writeFailure.thrown, details: { folder: this.#folder } },
    )
  }

  async *#drain<Item>(begin: () => Cursor<Item>): AsyncIterable<readonly Item[]> {
    const iterator = await this.#attempt(async () => ({ pages: begin() }))
    try {
      let next = this.#attempt(() => iterator.pages.nextv(PAGE_ENTRIES))
      while (true) {
        const page = await next
        if (page.length === 0) return
        // LevelDB reads on while this page is worked on. If that fails, it counts when the next page is asked for, if ever.
        next = this.#attempt(() => iterator.pages.nextv(PAGE_ENTRIES))
        next.catch(() => undefined)
        yield page
      }
    } finally {
      await iterator.pages.close()
    }
  }

  async #attempt<Result>(read: () => Promise<Result>): Promise<Result> {
    if (this.#swapping !== undefined) await this.#swapping
    try {
      return await read()
    } catch (thrown) {
      throw await toFailure(this.#folder, 'read', thrown)
    }
  }
}

function closed(folder: string): ClusterError {
  return new ClusterError('STORE_FAILED', `the database in ${folder} is closed`, { details: { folder } })
}

interface Cursor<Item> {
  nextv(size: number): Promise<Item[]>
  close(): Promise<void>
}

/** LevelDB answers with `Buffer`s, whose `slice` shares memory, unlike that of the `Uint8Array` they pass for. */
function toPlain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function toBounds({ gte, gt, lt, limit, reverse }: KeyRange) {
  // LevelDB takes one lower bound: the stricter of the two.
  const isGteStricter = gte !== undefined && (gt === undefined || compareBytes(gte, gt) > 0)
  return {
    ...(isGteStricter ? { gte } : gt === undefined ? {} : { gt }),
    ...(lt === undefined ? {} : { lt }),
    ...(limit === undefined ? {} : { limit }),
    reverse: reverse === true,
  }
}

async function toOpenError(folder: string, thrown: unknown): Promise<ClusterError> {
  if (codesOf(thrown).includes('LEVEL_LOCKED')) {
    return new ClusterError(
      'CONFLICT',
      `the database in ${folder} is in use by another process: stop that process first, or choose another folder`,
      { cause: thrown, details: { folder } },
    )
  }
  return toFailure(folder, 'open', thrown)
}

async function toFailure(folder: string, action: string, thrown: unknown): Promise<ClusterError> {
  const codes = codesOf(thrown)
  const free = codes.includes('LEVEL_IO_ERROR') ? await freeSpace(folder) : ''
  const advice = codes.includes('LEVEL_CORRUPTION')
    ? ': the files are damaged; restore a backup, or remove the folder and let other peers send the state again'
    : ''
  return new ClusterError(
    'STORE_FAILED',
    `cannot ${action} the database in ${folder}: ${deepestMessage(thrown)}${free}${advice}`,
    { cause: thrown, details: { folder } },
  )
}

/** LevelDB tells disk faults apart only in words, so the free space is measured to show a full disk. */
async function freeSpace(folder: string): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return ` (${Math.floor((bavail * bsize) / (1024 * 1024))} MiB free on that disk)`
  } catch (thrown) {
    return ` (and its free space cannot be read: ${messageOf(thrown)})`
  }
}

function* causesOf(thrown: unknown): Iterable<Error> {
  for (let error = thrown; error instanceof Error; error = error.cause) yield error
}

function codesOf(thrown: unknown): readonly unknown[] {
  return [...causesOf(thrown)].map(error => ('code' in error ? error.code : undefined))
}

function deepestMessage(thrown: unknown): string {
  return messageOf([...causesOf(thrown)].at(-1) ?? thrown)
}
