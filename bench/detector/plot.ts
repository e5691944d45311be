import { quantile, type Score, type Tally } from '../../test/detector/tally.ts'

const [WIDTH, HEIGHT] = [760, 420]
const [LEFT, RIGHT, TOP, BOTTOM] = [70, 20, 30, 90]
const SECONDS_MAX = 48
/** Mistakes in 1,000 days of one peer watching another: the axis goes from none over 0.01 to a million. */
const [LEAST, MOST] = [-2, 6]

/** The plot: how soon deaths are noticed, against how often the living are taken for dead. */
export function drawDetector(tally: Tally): string {
  const x = (ms: number) => LEFT + ((WIDTH - LEFT - RIGHT) * ms) / 1000 / SECONDS_MAX
  const floor = HEIGHT - BOTTOM
  const y = (rate: number) =>
    rate <= 0 ? floor : floor - 30 - ((floor - TOP - 30) * (Math.log10(rate) - LEAST)) / (MOST - LEAST)
  const rate = (falseCount: number) => (falseCount * 1000) / tally.pairDays
  const p99 = ({ detectionsMs }: Score) => quantile(detectionsMs, 0.99)
  const line = (count: (score: Score) => number) =>
    [...tally.plain.values()].map(score => `${f(x(p99(score)))},${f(y(rate(count(score))))}`).join(' ')
  const marks = [...tally.plain].filter(([ms]) => [3000, 5000, 10_000, 15_000, 20_000, 30_000].includes(ms))
  const { reference, gone } = tally
  const text = (at: readonly [number, number], words: string, more = '') =>
    `<text x="${f(at[0])}" y="${f(at[1])}" ${more}>${words}</text>`
  const grid = Array.from({ length: MOST - LEAST + 1 }, (_, step) => {
    const value = 10 ** (LEAST + step)
    const at = y(value)
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${f(at)}" y2="${f(at)}" class="grid"/>${text([LEFT - 8, at + 4], value.toLocaleString('en'), 'text-anchor="end"')}`
  })
  const ticks = Array.from({ length: 10 }, (_, at) =>
    text([x(at * 5000), floor + 18], String(at * 5), 'text-anchor="middle"'),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<style>rect{fill:#fff}text{fill:#333}.grid{stroke:#ddd}.axis{stroke:#333}polyline{fill:none;stroke-width:2}</style>
<rect width="${WIDTH}" height="${HEIGHT}"/>
${grid.join('\n')}
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${floor}" y2="${floor}" class="axis"/>
${text([LEFT - 8, floor + 4], 'none', 'text-anchor="end"')}
${ticks.join('\n')}
${text([(WIDTH + LEFT) / 2, floor + 38], 'seconds until 99 % of observers have noticed a death', 'text-anchor="middle"')}
${text([10, 18], `living peers taken for gone, in 1,000 days of one watching another (${tally.trial.peersCount.toLocaleString('en')} peers, ${tally.trial.hours} h)`)}
<polyline points="${line(({ falseCount }) => falseCount)}" stroke="#c0392b"/>
<polyline points="${line(score => score.falseCount - score.falseAfterOwnCount)}" stroke="#c0392b" stroke-dasharray="5 4"/>
${marks.map(([ms, score]) => `<circle cx="${f(x(p99(score)))}" cy="${f(y(rate(score.falseCount)))}" r="4" fill="#c0392b"/>${text([x(p99(score)) + 6, y(rate(score.falseCount)) - 6], `${ms / 1000} s`)}`).join('\n')}
<circle cx="${f(x(p99(reference)))}" cy="${f(y(rate(reference.falseCount)))}" r="6" fill="#8e44ad"/>
<circle cx="${f(x(p99(gone)))}" cy="${f(y(rate(gone.falseCount)))}" r="7" fill="#1e8449"/>
<circle cx="${LEFT}" cy="${HEIGHT - 28}" r="6" fill="#1e8449"/>${text([LEFT + 12, HEIGHT - 24], 'Pinfold: gone')}
<circle cx="${LEFT + 120}" cy="${HEIGHT - 28}" r="6" fill="#8e44ad"/>${text([LEFT + 132, HEIGHT - 24], 'IPFS Cluster: 15 s, 30 s, 15 s')}
<line x1="${LEFT + 330}" x2="${LEFT + 360}" y1="${HEIGHT - 28}" y2="${HEIGHT - 28}" stroke="#c0392b" stroke-width="2"/>${text([LEFT + 368, HEIGHT - 24], 'plain time-outs; dashed: without the')}
${text([LEFT + 368, HEIGHT - 9], 'mistakes right after an own suspension')}
</svg>
`
}

function f(value: number): string {
  return value.toFixed(1)
}
