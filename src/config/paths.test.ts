import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configFolder, pathsIn } from './paths.ts'

test('the folder is the flag, else CLUSTER_PATH, else IPFS_CLUSTER_PATH, else below home', () => {
  const environment = { CLUSTER_PATH: '/b', IPFS_CLUSTER_PATH: '/c', HOME: '/home/me' }
  assert.equal(configFolder('/a', environment), '/a')
  assert.equal(configFolder(undefined, environment), '/b')
  assert.equal(configFolder('', { ...environment, CLUSTER_PATH: '' }), '/c')
  assert.equal(configFolder(undefined, { HOME: '/home/me' }), '/home/me/.pinfold')
  assert.match(configFolder(undefined, {}), /\.pinfold$/)
})

test('a relative folder becomes absolute, so that a later change of directory does not move it', () => {
  assert.equal(configFolder('x', {}), `${process.cwd()}/x`)
  assert.equal(pathsIn('/a').service, '/a/service.json')
})
