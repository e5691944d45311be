import { tableLine } from './figure.ts'

/** The rows of what `console.table` printed, by column. */
export function rowsOfConsoleTable(out: string): Record<string, string>[] {
  const lines = out
    .split('\n')
    .filter(line => line.startsWith('│'))
    .map(line =>
      line
        .split('│')
        .slice(1, -1)
        .map(cell => cell.trim().replace(/^'(.*)'$/, '$1')),
    )
  const [head = [], ...rows] = lines
  return rows.map(cells => Object.fromEntries(head.map((name, at) => [name, cells[at] ?? ''])))
}

function line(work: string, goal: string, reference: string, here: string, isMet: boolean): string {
  return tableLine([work, goal, reference, isMet ? here : `**${here}**`])
}

const LISTING_MS_PER_PIN = 0.007
const LISTING_REFERENCE = new Map([
  [100_000, '0.7 s (98,000)'],
  [1_000_000, '9.0 s (851,427)'],
])

/** The lines of bench/listing.ts that have a goal: the whole list when warm, and one page. */
export function listingLines(out: string): string[] {
  const rows = rowsOfConsoleTable(out)
  const pins = Math.max(...rows.map(row => Number(row['pins'])))
  return rows
    .filter(({ what }, at) => what !== rows[at + 1]?.['what'])
    .flatMap(row => {
      const [ms, firstByteMs] = [Number(row['ms']), Number(row['first byte ms'])]
      const block = `longest event-loop block ${Number(row['longest block ms']).toFixed(0)} ms`
      if (row['what'] === 'whole') {
        const goalMs = pins * LISTING_MS_PER_PIN
        return line(
          `\`GET /allocations\`, ${pins.toLocaleString('en')} pins`,
          `≤ ${goalMs / 1000} s, first byte ≤ 20 ms`,
          LISTING_REFERENCE.get(pins) ?? '–',
          `${(ms / 1000).toFixed(2)} s, first byte ${firstByteMs.toFixed(0)} ms; ${block}`,
          ms <= goalMs && firstByteMs <= 20,
        )
      }
      if (row['what'] !== 'page of 100 from the middle') return []
      return line(
        `one page of 100 out of ${pins.toLocaleString('en')}, from the middle`,
        '≤ 20 ms',
        '–',
        `${ms.toFixed(1)} ms`,
        ms <= 20,
      )
    })
}

/** What the crash test says of its damages. */
export function crashLines(out: string): string[] {
  const count = (what: string) => Number(new RegExp(`^${what}\\s+(\\d+)`, 'm').exec(out)?.[1] ?? Number.NaN)
  const lost = count('lost')
  return [
    line(
      'writes acknowledged and then lost, peers killed with `kill -9`',
      '0',
      '5,482 of 13,482 (1 kill)',
      `${lost} of ${count('writes acknowledged').toLocaleString('en')} (${count('SIGKILLs')} kills)`,
      lost === 0,
    ),
  ]
}

/** The lines of bench/bulk.ts that three peers together reach. */
export function bulkLines(out: string): string[] {
  return rowsOfConsoleTable(out).flatMap(row => {
    const what = row['what'] ?? ''
    const perSecond = Number(row['lines a second'])
    const here = `${perSecond.toLocaleString('en')} /s, ${row['CPU µs a line'] ?? '?'} µs of processor time a line`
    if (what === 'POST /pins, new pins, 3 peers')
      return line(`bulk NDJSON: ${what}`, '≥ 20,000 /s', '–', here, perSecond >= 20_000)
    return what.endsWith(', 3 peers') ? tableLine([`bulk NDJSON: ${what}`, '–', '–', here]) : []
  })
}
