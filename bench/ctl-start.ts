// How long a command takes from start to end, beside a program that does nothing: commands of dist/ against a stub of the API.
// usage: npm run build && node bench/ctl-start.ts [ROUNDS]     wall-clock medians depend on what else runs; the ratio less so.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Figures } from './figure.ts'

const GOAL_MS = 150
const TICK_MS = 10
const rounds = Number(process.argv[2] ?? 20)
const program = join(import.meta.dirname, '../dist/bin/cluster-ctl.js')
const CID = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'

const server = http.createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(request.url === '/version' ? '{"version":"1"}' : `{"cid":"${CID}","peer_map":{}}`)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const host = ['--host', `http://127.0.0.1:${(server.address() as AddressInfo).port}`]
const runs = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'cluster-ctl --version', args: [program, '--version'] },
  { name: 'cluster-ctl version', args: [program, ...host, 'version'] },
  { name: 'cluster-ctl status CID', args: [program, ...host, 'status', CID] },
].map(run => ({ ...run, wallMs: [] as number[], cpuMs: 0 }))

/** Processor time of the children that have ended, from which the operating system counts in ticks. */
function childrenCpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS
}

for (let round = 0; round < rounds; round++) {
  for (const run of runs) {
    const [cpuMs, began] = [childrenCpuMs(), performance.now()]
    const child = spawn(process.execPath, run.args, { stdio: ['ignore', 'ignore', 'inherit'] })
    const [code] = await once(child, 'close')
    if (code !== 0) throw new Error(`${run.name} ended with ${String(code)}`)
    run.wallMs.push(performance.now() - began)
    run.cpuMs += childrenCpuMs() - cpuMs
  }
}
server.close()

const medianOf = (times: readonly number[]) =>
  times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN
const [idle] = runs
const [idleMs, idleCpuMs] = [medianOf(idle?.wallMs ?? []), idle?.cpuMs ?? 0]
const figures = new Figures()
for (const { name, wallMs, cpuMs } of runs) {
  const median = medianOf(wallMs)
  const isGoal = name === 'cluster-ctl version'
  figures.add({
    work: `${name}, start to end`,
    here: `${median.toFixed(0)} ms (least ${Math.min(...wallMs).toFixed(0)}), ${(median / idleMs).toFixed(1)} × doing nothing; processor ${(cpuMs / rounds).toFixed(0)} ms, ${(cpuMs / idleCpuMs).toFixed(1)} ×`,
    ...(isGoal ? { goal: `≤ ${GOAL_MS} ms`, isMet: median <= GOAL_MS } : {}),
  })
}
figures.print()
