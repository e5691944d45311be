// Stands in for "cluster-service daemon" where only the supervision of processes is tested: takes the lock of nothing, serves
// GET /id at the address in its environment with the peers of its command line, warns once, and ends on SIGTERM
// or when its parent is gone.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const folder = process.argv[process.argv.indexOf('-c') + 1] ?? ''
const bootstrap = process.argv[process.argv.indexOf('--bootstrap') + 1] ?? ''
writeFileSync(join(folder, 'pid'), String(process.pid))
writeFileSync(join(folder, 'bootstrap'), bootstrap)
writeFileSync(join(folder, 'argv'), process.argv.slice(2).join(' '))
writeFileSync(join(folder, 'environment'), JSON.stringify(process.env))
if (existsSync(join(folder, 'break'))) {
  process.stderr.write('error starting cluster: the test wants it so\n')
  process.exit(3)
}
const { id } = JSON.parse(readFileSync(join(folder, 'identity.json'), 'utf8'))
const port = /\/tcp\/(\d+)/.exec(process.env['CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS'] ?? '')?.[1]
const server = createServer((_, response) =>
  response.end(
    JSON.stringify({
      id,
      cluster_peers: [id, ...bootstrap.split(',').map(address => address.split('/').at(-1))],
    }),
  ),
)
server.listen(Number(port), '127.0.0.1')
process.stderr.write('{"level":"warn","time":"t","component":"network","msg":"odd weather","peers":2}\n')
process.stderr.write('{"level":"info","time":"t","msg":"ready"}\n')
const stop = () => {
  writeFileSync(join(folder, 'stopping'), '')
  const together = join(folder, '..', 'end-together')
  const peersCount = existsSync(together) ? Number(readFileSync(together, 'utf8')) : 0
  /** @param {number} at */
  const isAsked = at => existsSync(join(folder, '..', `peer${at + 1}`, 'stopping'))
  if (!Array.from({ length: peersCount }, (_, at) => at).every(isAsked)) {
    setTimeout(stop, 20)
    return
  }
  server.closeAllConnections()
  server.close()
  process.off('disconnect', stop)
}
process.once('SIGTERM', stop)
process.on('disconnect', stop)
