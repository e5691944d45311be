/**
 * How long peers take to join when all of them start at the same moment and know one address only. One process, so that
 * all share one thread: a lower bound of what separate machines do.
 *
 *   node bench/join.ts [peers…]
 */
import { openStar } from '../test/support/real-network.ts'

const counts = process.argv.slice(2).map(Number)
console.log('| peers | opened | all connected to the first | all have 12 others | connections | CPU |')
console.log('| ---: | ---: | ---: | ---: | ---: | ---: |')
for (const count of counts.length > 0 ? counts : [10, 30, 100]) {
  const start = performance.now()
  const cpu = process.cpuUsage()
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  const until = async (check: () => boolean) => {
    while (!check()) {
      if (performance.now() - start > 300_000) throw new Error('not within five minutes')
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return seconds()
  }
  const star = await openStar(count, { connectionsWanted: 12, dialTimeoutMs: 20_000 })
  const opened = seconds()
  const joined = await until(() => star.networks[0]?.peers().length === count - 1)
  const met = await until(() =>
    star.networks.every(network => network.peers().length >= Math.min(12, count - 1)),
  )
  const connections = star.networks.reduce((sum, network) => sum + network.peers().length, 0) / 2
  const { user, system } = process.cpuUsage(cpu)
  console.log(
    `| ${count} | ${opened} | ${joined} | ${met} | ${connections} | ${((user + system) / 1e6).toFixed(1)} s |`,
  )
  await star[Symbol.asyncDispose]()
}
