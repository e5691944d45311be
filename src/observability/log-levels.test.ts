import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ClusterError } from '../errors.ts'
import { parseLogLevels } from './log-levels.ts'

test('later texts override earlier ones, and single components override the general level', () => {
  const levels = parseLogLevels(['warn,consensus:debug', 'cluster:error'])
  assert.equal(levels.byDefault, 'warn')
  assert.deepEqual(
    [...levels.byComponent],
    [
      ['consensus', 'debug'],
      ['cluster', 'error'],
    ],
  )
})

test('a general level in a later text replaces what earlier texts set for components', () => {
  const levels = parseLogLevels(['info,consensus:debug', 'error'])
  assert.equal(levels.byDefault, 'error')
  assert.equal(levels.byComponent.size, 0)
})

test('a general level behind a component in the same text does not take back the component', () => {
  assert.equal(parseLogLevels(['cluster:debug, warn']).byComponent.get('cluster'), 'debug')
})

test('names of the facilities that existing scripts set are understood', () => {
  const { byComponent } = parseLogLevels(['crdt:DEBUG,ipfshttp:warn,p2p-gorpc:fatal'])
  assert.deepEqual(
    [...byComponent],
    [
      ['consensus', 'debug'],
      ['ipfs', 'warn'],
      ['rpc', 'error'],
    ],
  )
})

test('every part that writes to the log can be given a level of its own', async () => {
  const daemon = await readFile(join(import.meta.dirname, '../daemon.ts'), 'utf8')
  const parts = [...daemon.matchAll(/\b(?:base|child)\('(\w+)'\)/g)].map(([, part = '']) => part)
  assert.ok(parts.length > 10)
  for (const part of parts) assert.equal(parseLogLevels([`${part}:debug`]).byComponent.get(part), 'debug')
})

test('an unknown level, an unknown component and a second colon are refused by name', () => {
  const refusal = (pattern: RegExp) => (error: unknown) =>
    error instanceof ClusterError && error.code === 'CONFIG_INVALID' && pattern.test(error.message)
  assert.throws(() => parseLogLevels(['loud']), refusal(/"loud".*error, warn, info, debug/))
  assert.throws(() => parseLogLevels(['clutser:debug']), refusal(/no component "clutser".*cluster/))
  assert.throws(() => parseLogLevels(['a:b:c']), refusal(/more than one colon/))
})
