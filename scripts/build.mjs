// Builds dist/: JavaScript and declarations of src/, without the tests. The commands are made executable.
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
rmSync(join(root, 'dist'), { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status === 0) {
  const bin = join(root, 'dist', 'bin')
  for (const name of readdirSync(bin)) if (name.endsWith('.js')) chmodSync(join(bin, name), 0o755)
} else {
  process.exitCode = status ?? 1
}
