import { ClusterError } from '../errors.ts'
import { concatBytes } from '../lib/bytes.ts'
import { cutByRabin } from './rabin.ts'

/** Cuts a stream of bytes into the pieces that become leaves. An empty stream gives one empty piece. */
export type Chunker = (source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

/** Largest chunk that the reference takes: 2 MiB less room for the wrapping of a leaf. */
const CHUNK_BYTES_MAX = 2 * 1024 * 1024 - 256

const DEFAULT_CHUNK_BYTES = 262_144
const RABIN_BYTES_MIN = 16

/**
 * The chunker of a text as IPFS writes it: `size-<bytes>`, `rabin`, `rabin-<average>`, `rabin-<min>-<average>-<max>`,
 * `default` or empty. Throws `INVALID_ARGUMENT`.
 */
export function parseChunker(text: string): Chunker {
  if (text === '' || text === 'default') return cutBySize(DEFAULT_CHUNK_BYTES)
  const [kind, ...numbers] = text.split('-')
  if (kind === 'size' && numbers.length === 1) return cutBySize(parseSize(text, numbers[0], 1))
  if (kind === 'rabin' && numbers.length === 0) return rabinOf(DEFAULT_CHUNK_BYTES)
  if (kind === 'rabin' && numbers.length === 1) return rabinOf(parseSize(text, numbers[0], 1))
  if (kind === 'rabin' && numbers.length === 3) return rabinBetween(text, numbers)
  throw refusal(
    text,
    kind === 'buzhash'
      ? 'buzhash is not supported: use size-<bytes> or rabin'
      : 'unrecognized chunker option: use size-<bytes>, rabin, rabin-<average> or rabin-<min>-<average>-<max>',
  )
}

/** Pieces of one size and a rest. What lies within one piece of the source is not copied: tiny pieces cost next to nothing. */
function cutBySize(size: number): Chunker {
  return async function* cut(source) {
    let pending: Uint8Array[] = []
    let missing = size
    let isEmpty = true
    for await (const bytes of source) {
      let at = 0
      for (; bytes.length - at >= missing; missing = size) {
        const end = bytes.subarray(at, at + missing)
        at += missing
        yield pending.length === 0 ? end : concatBytes([...pending, end])
        pending = []
        isEmpty = false
      }
      if (at < bytes.length) pending.push(bytes.subarray(at))
      missing -= bytes.length - at
    }
    if (isEmpty || pending.length > 0) yield concatBytes(pending)
  }
}

function rabinOf(average: number): Chunker {
  const min = Math.floor(average / 3)
  const max = average + Math.floor(average / 2)
  if (min < RABIN_BYTES_MIN)
    throw refusal(`rabin-${average}`, `rabin min must be greater than ${RABIN_BYTES_MIN}`)
  if (max > CHUNK_BYTES_MAX) throw refusal(`rabin-${average}`, tooLarge)
  return source => cutByRabin(source, { min, average, max })
}

function rabinBetween(text: string, numbers: readonly string[]): Chunker {
  // The reference also reads the long form rabin-min:<n>-avg:<n>-max:<n>.
  const [min = 0, average = 0, max = 0] = numbers.map((number, i) =>
    parseSize(text, number.replace(`${['min', 'avg', 'max'][i]}:`, ''), RABIN_BYTES_MIN),
  )
  if (min >= average || average >= max) throw refusal(text, 'incorrect format: min < average < max must hold')
  return source => cutByRabin(source, { min, average, max })
}

const tooLarge = `chunker parameters may not exceed the maximum chunk size of ${CHUNK_BYTES_MAX}`

function parseSize(text: string, digits: string | undefined, min: number): number {
  if (digits === undefined || !/^\d{1,15}$/.test(digits)) {
    throw refusal(text, `"${(digits ?? '').slice(0, 30)}" is not a number of bytes`)
  }
  const size = Number(digits)
  if (size < min) throw refusal(text, `the size must be at least ${min}`)
  if (size > CHUNK_BYTES_MAX) throw refusal(text, tooLarge)
  return size
}

function refusal(text: string, why: string): ClusterError {
  return new ClusterError('INVALID_ARGUMENT', `chunker "${text.slice(0, 60)}": ${why}`)
}
