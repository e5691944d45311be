// Holds a real peer to its own OpenAPI document with schemathesis, which makes requests out of what the document says.
// usage: npm run fuzz:schema -- [SECONDS=60] [more arguments for schemathesis]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pinNumbers } from '../test/support/door-guests.ts'
import { numberedCid } from '../test/support/numbered-cid.ts'
import { freePort, openPeerProcesses } from '../test/support/peer-processes.ts'

const PINS = 50
const HOW = `schemathesis is not installed. It is a Python program, package "schemathesis" of PyPI; in a folder of its own:

  python3 -m venv ~/.local/schemathesis && ~/.local/schemathesis/bin/pip install schemathesis
  SCHEMATHESIS=~/.local/schemathesis/bin/schemathesis npm run fuzz:schema

SCHEMATHESIS names its file; without it, it is looked for on the PATH.`

/**
 * All checks but two: a method that a path does not have is answered as the reference does (404 or 405), and that a text is a CID or
 * a peer id, no schema says, so that what looks valid may be refused. A 500 with the reason REFUSED is the reference's.
 */
const CHECKS = ['--checks', 'all', '--exclude-checks', 'unsupported_method,positive_data_acceptance']
/** Events have no end, and a pin is a stream of lines that the program cannot make. */
const REQUESTS = [
  '--exclude-path-regex',
  '^/events',
  '--phases',
  'examples,coverage,fuzzing',
  '--request-timeout',
  '5',
]
const MANNERS = ['--continue-on-failure', '--suppress-health-check', 'all', '--no-color']

function findProgram(): string | undefined {
  const { SCHEMATHESIS: named = '', PATH = '' } = process.env
  const places = named === '' ? PATH.split(delimiter).map(folder => join(folder, 'schemathesis')) : [named]
  return places.find(place => existsSync(place))
}

async function fuzz(program: string, seconds: string, more: readonly string[]): Promise<number> {
  await using processes = await openPeerProcesses()
  // Nothing answers there: pins are kept, and cost nothing more.
  const peer = await processes.add({ kubo: `/ip4/127.0.0.1/tcp/${await freePort()}` })
  await pinNumbers(
    Number(new URL(peer.url).port),
    Array.from({ length: PINS }, (_, number) => numberedCid(number).toString()),
  )
  const args = ['run', `${peer.url}/openapi.json`, '-u', peer.url, ...CHECKS, ...REQUESTS, ...MANNERS]
  const child = spawn(program, [...args, '--max-time', seconds, ...more], { stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  if (peer.exitCode !== undefined) throw new Error(`the peer ended: ${peer.log().slice(-2000)}`)
  return Number(code ?? 1)
}

const program = findProgram()
if (program === undefined) {
  console.error(HOW)
  process.exitCode = 2
} else {
  const [seconds = '60', ...more] = process.argv.slice(2)
  process.exitCode = await fuzz(program, seconds, more)
}
