import { formatBytes } from './format-units.ts'

const BAR_CHARACTERS = 24

/** What a bar shows. */
export interface Progress {
  readonly sentBytes: number
  readonly totalBytes: number
  readonly elapsedMs: number
}

/** One line of at most so many characters: `[######------]  50%  1.0 MB / 2.0 MB  500 kB/s`. */
export function formatProgress(progress: Progress, charactersMax: number, isColored: boolean): string {
  const { sentBytes, totalBytes, elapsedMs } = progress
  const part = totalBytes === 0 ? 1 : Math.min(1, sentBytes / totalBytes)
  const rate = elapsedMs < 1 ? '' : `  ${formatBytes((sentBytes / elapsedMs) * 1000)}/s`
  const figures = `${String(Math.floor(part * 100)).padStart(3)}%  ${formatBytes(sentBytes)} / ${formatBytes(totalBytes)}${rate}`
  if (charactersMax < figures.length + BAR_CHARACTERS + 3) return figures.slice(0, charactersMax)
  const done = Math.round(part * BAR_CHARACTERS)
  const [full, rest] = ['#'.repeat(done), '-'.repeat(BAR_CHARACTERS - done)]
  return isColored ? `[\u001B[32m${full}\u001B[39m${rest}] ${figures}` : `[${full}${rest}] ${figures}`
}
