import type { Look } from './graph-drawing.ts'

/** Fill colours that can be told apart in print and with any eyes, dark text on each. */
export const FILLS: Readonly<Record<Look, string>> = {
  alive: '#c7e9c0',
  suspect: '#ffeda0',
  silent: '#fed976',
  unreachable: '#fd8d3c',
  gone: '#bdbdbd',
}

/** What each look means, in words. */
export const MEANINGS: Readonly<Record<Look, string>> = {
  alive: 'alive',
  suspect: 'suspect',
  silent: 'did not answer',
  unreachable: 'unreachable',
  gone: 'gone',
}

/** Box of an IPFS node. */
export const IPFS_FILL = '#c6dbef'
/** Box of an IPFS node that does not answer. */
export const IPFS_DOWN_FILL = '#fb6a4a'
/** Lines and borders where something is wrong. */
export const TROUBLE = '#cb181d'
/** Lines where all is well. */
export const LINE = '#737373'
