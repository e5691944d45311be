import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const BUILT = join(ROOT, 'dist/bin/cluster-service.js')
const SOURCE = join(ROOT, 'src/bin/cluster-service.ts')

/** The `cluster-service` that is measured: the build if there is one, which is what users run, else the sources. */
export const program = process.env['PINFOLD_PROGRAM'] ?? (existsSync(BUILT) ? BUILT : SOURCE)
console.error(`measures ${relative(ROOT, program)}`)
