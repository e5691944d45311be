// Crash tests with real processes. A table on stdout; status 1 when anything that was acknowledged is lost.
// usage: npm run crash -- [--kills 100] [--seed 1] [--clients 40] [--preload 3000] [--partitions 64] [--kind "under load"]
import { parseArgs } from 'node:util'
import { runCrashes } from './crash-run.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    clients: { type: 'string', default: '40' },
    preload: { type: 'string', default: '3000' },
    partitions: { type: 'string', default: '64' },
    kind: { type: 'string' },
  },
})
const began = performance.now()
console.error(`seed ${values.seed}`)
const report = await runCrashes({
  kills: Number(values.kills),
  seed: Number(values.seed),
  clients: Number(values.clients),
  preload: Number(values.preload),
  partitions: Number(values.partitions),
  ...(values.kind === undefined ? {} : { kind: values.kind }),
  onRound: text => console.error(text),
})
const { damages, killsByKind } = report
for (const { kind, text } of damages) console.error(`${kind}: ${text}`)
const rows = [
  ['seed', values.seed],
  ['SIGKILLs', report.kills],
  ...Object.entries(killsByKind).map(([kind, kills]) => [`  ${kind}`, kills]),
  ['writes acknowledged', report.acknowledged],
  ['writes in doubt', report.inDoubt],
  ['lost', damages.filter(({ kind }) => kind === 'lost').length],
  ['removals undone', damages.filter(({ kind }) => kind === 'resurrected').length],
  ['restarts', report.restarts],
  ['longest restart, s', (report.restartMsMax / 1000).toFixed(1)],
  ['longest time until equal, s', (report.equalMsMax / 1000).toFixed(1)],
  ['whole run, s', ((performance.now() - began) / 1000).toFixed(0)],
]
for (const [what, figure] of rows) console.log(`${String(what).padEnd(30)} ${figure}`)
if (damages.length > 0) process.exitCode = 1
