/** One figure: what was done, what it should come to, what the reference reached, what it came to here. */
export interface Figure {
  readonly work: string
  readonly here: string
  readonly goal?: string
  readonly reference?: string
  /** Undefined when there is no goal. */
  readonly isMet?: boolean
}

const HEAD = ['work', 'goal', 'reference', 'here'] as const

/** A line of a Markdown table. */
export function tableLine(cells: readonly string[]): string {
  return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

/** The cells of a line that `tableLine` wrote, undefined for any other line and for the head of a table. */
export function cellsOf(line: string): string[] | undefined {
  if (!line.startsWith('| ') || line.startsWith('| ---') || line.startsWith(`| ${HEAD[0]} |`))
    return undefined
  return line
    .slice(2, -2)
    .split(/(?<!\\)\|/)
    .map(cell => cell.trim())
}

/** Collects figures: each is told on stderr as it comes, all of them as a Markdown table on stdout at the end. */
export class Figures {
  readonly #figures: Figure[] = []

  add(figure: Figure): void {
    this.#figures.push(figure)
    console.error(`${figure.work}: ${figure.here}${figure.isMet === false ? '  (goal missed)' : ''}`)
  }

  print(): void {
    console.log(tableLine(HEAD))
    console.log(tableLine(HEAD.map(() => '---')))
    for (const { work, goal = '–', reference = '–', here, isMet } of this.#figures)
      console.log(tableLine([work, goal, reference, isMet === false ? `**${here}**` : here]))
  }
}

/** 1234567 → "1,234,567". */
export function withCommas(value: number): string {
  return Math.round(value).toLocaleString('en')
}
