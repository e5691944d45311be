import assert from 'node:assert/strict'
import { decodeRecord, encodeRecord } from '../../../src/consensus/record.ts'
import { readLineChunks } from '../../../src/lib/line-chunks.ts'
import type { Random } from '../../../src/lib/random.ts'
import { formatCid } from '../../../src/model/cid.ts'
import { checkBounds, NO_OPTIONS, PIN_BOUNDS } from '../../../src/model/pin.ts'
import { toPinJson } from '../../../src/model/pin-json.ts'
import { parseCidLine, parseEntryLine, parsePinLine } from '../../../src/model/pin-line.ts'
import { outcomeOf } from '../drive.ts'
import { Mutator } from '../mutate.ts'
import type { Session, Target } from '../target.ts'
import { identityFrom, richPin } from '../world.ts'

/** Lines of an export as `state import` reads them, and of requests to pin and unpin many. */
export const linesTarget: Target = {
  name: 'export and bulk lines',
  weight: 3,
  open: async random => open(random),
}

const LIMITS = { charactersMax: 20_000, linesMax: 10 }
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  -(2 ** 53),
  '',
  'text',
  '__proto__',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '2030-02-31T12:00:00Z',
  '0000-00-00T00:00:00+99:99',
  'Qm',
  '\u0000',
  'x'.repeat(5000),
  [],
  [null],
  [[]],
  {},
  { '/': 'x' },
  { __proto__: null, toString: 1 },
  Array.from({ length: 2000 }, () => 'x'),
]
const KEYS = [
  'cid',
  'name',
  'allocations',
  'mode',
  'max_depth',
  'type',
  'metadata',
  'origins',
  'expire_at',
  'expire_in',
  '__proto__',
  'replication_factor_min',
  'shard_size',
  'timestamp',
  'pin_update',
  'reference',
  'replication',
]

function open(random: Random): Session {
  const mutator = new Mutator(random)
  const valid = Array.from({ length: 60 }, (_, number) =>
    JSON.parse(JSON.stringify(toPinJson(richPin(number, random)))),
  )
  const line = () => {
    const json: unknown = mutator.pick(valid)
    if (mutator.chance(0.05)) return JSON.stringify(json)
    const text = JSON.stringify(mutator.chance(0.8) ? twisted(json, mutator) : json)
    return mutator.chance(0.8) ? text : Buffer.from(mutator.bytes(Buffer.from(text))).toString('latin1')
  }
  return {
    async feed() {
      const text = line()
      const defaults = { ...NO_OPTIONS, userAllocations: [identityFrom(random).id] }
      switch (mutator.below(4)) {
        case 0:
          return outcomeOf(() => parsePinLine(text, defaults, 1.7e12))
        case 1:
          return outcomeOf(() => formatCid(parseCidLine(text)))
        case 2:
          return outcomeOf(() => readAll(Buffer.from(`${text}\n\n${line()}\n${text}`), mutator))
        default:
          return outcomeOf(() => checkEntry(text))
      }
    },
    check: async () => {
      for (const json of valid) checkEntry(JSON.stringify(json))
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** An entry that is taken can be stored, read back and told again. */
function checkEntry(text: string): void {
  const pin = parseEntryLine(text)
  checkBounds(pin)
  assert.ok(pin.cid.bytes.length <= PIN_BOUNDS.cidBytes)
  const record = encodeRecord({ time: { ms: 1, count: 1 }, pin })
  const { pin: again } = decodeRecord(pin.cid, record)
  assert.deepEqual(
    JSON.stringify(toPinJson(again)),
    JSON.stringify(toPinJson({ ...pin, timestampMs: again.timestampMs, expireAtMs: again.expireAtMs })),
  )
}

async function readAll(bytes: Uint8Array, mutator: Mutator): Promise<void> {
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + mutator.below(mutator.chance(0.5) ? 10 : 9000)
      yield bytes.subarray(at, end)
      at = end
    }
  }
  let last = 0
  for await (const chunk of readLineChunks(pieces(), LIMITS)) {
    assert.ok(chunk.length <= LIMITS.linesMax)
    for (const { line, text } of chunk) {
      assert.ok(line > last && (text === undefined || text.length <= LIMITS.charactersMax))
      last = line
    }
  }
}

function twisted(json: unknown, mutator: Mutator): unknown {
  if (typeof json !== 'object' || json === null) return mutator.pick(VALUES)
  if (Array.isArray(json)) {
    const at = mutator.below(json.length + 1)
    return json.toSpliced(at, mutator.below(2), mutator.pick(VALUES))
  }
  const entries = Object.entries(json)
  const at = mutator.below(entries.length + 1)
  const [key = '', value] = entries[at] ?? []
  if (at === entries.length || mutator.chance(0.1)) entries.push([mutator.pick(KEYS), mutator.pick(VALUES)])
  else if (mutator.chance(0.2)) entries.splice(at, 1)
  else entries[at] = [key, mutator.chance(0.5) ? mutator.pick(VALUES) : twisted(value, mutator)]
  return Object.fromEntries(entries)
}
