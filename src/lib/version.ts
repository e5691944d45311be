import { readFileSync } from 'node:fs'

/** The version in package.json, which lies two folders up both in the sources and in what is built of them. */
export const VERSION: string = readVersion()

function readVersion(): string {
  const content: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const version =
    typeof content === 'object' && content !== null && 'version' in content ? content.version : undefined
  return String(version)
}
