// Writes the pages under docs/reference/ that are made from the tables in the source.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { referencePages } from './reference-pages.ts'

const root = join(import.meta.dirname, '..')
for (const [file, text] of await referencePages(root)) {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
  console.log(file)
}
