import assert from 'node:assert/strict'
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { difference, listingOf } from '../crash/listing.ts'
import { startStubIpfs } from '../crash/stub-ipfs.ts'
import { eventually } from '../support/eventually.ts'
import { numberedCid } from '../support/numbered-cid.ts'
import { openPeerProcesses, type PeerProcess } from '../support/peer-processes.ts'

/** Short logs, so that there are tables as well. */
const ENVIRONMENT = { CLUSTER_CRDT_PARTITIONS: '16', CLUSTER_LEVEL_WRITEBUFFERSIZEBYTES: '65536' }
const PINS = 400
const EQUAL_MS_MAX = 20_000

interface World {
  readonly first: PeerProcess
  readonly second: PeerProcess
  /** The database of the first one's pinset. */
  readonly folder: string
  /** Brings back the files of the first as they were after a kill -9. */
  restore(): Promise<void>
}

/** Two peers with the same pins; the first was killed and the second stopped. */
async function openWorld(stack: AsyncDisposableStack): Promise<World> {
  const kubo = stack.use(await startStubIpfs()).address
  const processes = stack.use(await openPeerProcesses())
  const first = await processes.add({ kubo, environment: ENVIRONMENT })
  const second = await processes.add({ kubo, environment: ENVIRONMENT })
  let next = 0
  const pin = async () => {
    for (let number = next++; number < PINS; number = next++) {
      const answer = await fetch(`${first.url}/pins/${numberedCid(number)}?name=n${number}`, {
        method: 'POST',
      })
      assert.equal(answer.status, 200, await answer.text())
    }
  }
  await Promise.all(Array.from({ length: 8 }, pin))
  await eventually('both have them', async () => (await listingOf(second)).size === PINS, EQUAL_MS_MAX)
  await first.kill()
  await second.stop()
  const kept = `${first.folder}.kept`
  await cp(first.folder, kept, { recursive: true })
  return {
    first,
    second,
    folder: join(first.folder, 'level', 'pinset'),
    async restore() {
      await first.kill()
      await second.stop()
      await rm(first.folder, { recursive: true })
      await cp(kept, first.folder, { recursive: true })
    },
  }
}

async function fileOf(folder: string, name: RegExp): Promise<string> {
  const found = (await readdir(folder)).filter(file => name.test(file)).sort()
  assert.ok(found[0] !== undefined, `no ${name} in ${folder}`)
  return join(folder, found[0])
}

async function cutTo(path: string, share: number): Promise<void> {
  await truncate(path, Math.floor((await stat(path)).size * share))
}

async function flipMiddle(path: string): Promise<void> {
  const bytes = await readFile(path)
  const middle = Math.floor(bytes.length / 2)
  for (let at = middle; at < middle + 8; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff
  await writeFile(path, bytes)
}

async function assertHealed({ first, second }: World): Promise<void> {
  await second.start()
  await eventually(
    'both have all pins',
    async () => {
      const [own, others] = await Promise.all([listingOf(first), listingOf(second)])
      assert.equal(difference(own, others), '')
      return own.size === PINS
    },
    EQUAL_MS_MAX,
  )
}

const REFUSED: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  'an empty CURRENT': folder => truncate(join(folder, 'CURRENT')),
  'an empty manifest': async folder => truncate(await fileOf(folder, /^MANIFEST/)),
  'a table that is gone': async folder => rm(await fileOf(folder, /\.ldb$/)),
}

const HEALED: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  'a log without its end': async folder => cutTo(await fileOf(folder, /\.log$/), 0.9),
  'an empty log': async folder => truncate(await fileOf(folder, /\.log$/)),
}

const UNNOTICED: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  'a log with a flaw in its middle': async folder => flipMiddle(await fileOf(folder, /\.log$/)),
  'no CURRENT': folder => rm(join(folder, 'CURRENT')),
  'half a manifest': async folder => cutTo(await fileOf(folder, /^MANIFEST/), 0.5),
}

/** A peer may refuse to work with damaged files, or work and be healed; it may not go on with less for good. */
async function assertRefusedOrHealed(world: World): Promise<void> {
  const isStarted = await world.first.start().then(
    () => true,
    () => false,
  )
  if (isStarted) await assertHealed(world)
  else assert.match(world.first.log(), /the files are damaged; restore a backup, or remove the folder/)
}

test('damaged files of the pinset are refused with advice, or healed by the other peers', {
  timeout: 170_000,
}, async (context: TestContext) => {
  await using stack = new AsyncDisposableStack()
  const world = await openWorld(stack)
  for (const [name, damage] of Object.entries(REFUSED)) {
    await context.test(`${name} is refused`, async () => {
      await world.restore()
      await damage(world.folder)
      await assert.rejects(() => world.first.start())
      assert.equal(world.first.exitCode, 1)
      assert.match(world.first.log(), /the files are damaged; restore a backup, or remove the folder/)
    })
  }
  await context.test('the advice of the refusal helps', async () => {
    await rm(world.folder, { recursive: true })
    await world.first.start()
    await assertHealed(world)
  })
  for (const [name, damage] of Object.entries(HEALED)) {
    await context.test(`${name} is healed`, async () => {
      await world.restore()
      await damage(world.folder)
      await world.first.start()
      assert.ok((await listingOf(world.first)).size < PINS, 'there is something to heal')
      await assertHealed(world)
    })
  }
})

test('damage that the database passes over is told or healed, too', {
  timeout: 170_000,
}, async (context: TestContext) => {
  await using stack = new AsyncDisposableStack()
  const world = await openWorld(stack)
  for (const [name, damage] of Object.entries(UNNOTICED)) {
    await context.test(`${name} is refused or healed`, async () => {
      await world.restore()
      await damage(world.folder)
      await assertRefusedOrHealed(world)
    })
  }
})
