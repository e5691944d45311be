import type { AddParams } from '../../src/model/add.ts'

/** How content is added where nothing about it matters. */
export const PLAIN_ADD: AddParams = {
  format: 'unixfs',
  layout: 'balanced',
  chunker: 'size-262144',
  hash: 'sha2-256',
  cidVersion: 1,
  rawLeaves: true,
  wrapWithDirectory: false,
  progress: false,
  local: false,
  noPin: false,
}
