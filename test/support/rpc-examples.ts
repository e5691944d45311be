import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { Block, Procedures } from '../../src/interfaces.ts'
import type { PeerSight } from '../../src/model/graph.ts'
import type { PeerInfo } from '../../src/model/peer.ts'
import { toPin } from '../../src/model/pin.ts'
import type { PinInfo } from '../../src/model/pin-status.ts'
import type { PeerPinset } from '../../src/model/pinset-state.ts'

/** A raw block with the text as its content. */
export async function blockOf(text: string): Promise<Block> {
  const bytes = new Uint8Array(Buffer.from(text))
  return { cid: CID.createV1(0x55, await sha256.digest(bytes)), bytes }
}

const SIGHTS: readonly PeerSight[] = [
  { peer: '12D3KooWa', condition: 'alive', phi: 0.25, isTrusted: true, latencyMs: 12.5 },
  { peer: '12D3KooWb', condition: 'gone', phi: 99, isTrusted: false, latencyMs: undefined },
]

/** Two blocks whose CIDs the examples use. */
export const first = await blockOf('first')
export const second = await blockOf('second')

/** A pin info with nothing that may be left out. */
export const bareInfo: PinInfo = {
  cid: first.cid,
  status: 'unexpectedly_unpinned',
  timestampMs: 1_700_000_000_123,
  error: 'ünicode',
  attemptCount: 3,
  isPriority: true,
  pin: undefined,
}

const fullInfo: PinInfo = {
  ...bareInfo,
  cid: second.cid,
  status: 'pinned',
  pin: toPin(second.cid, {
    type: 'meta-pin',
    name: 'a name',
    allocations: ['12D3KooWa', '12D3KooWb'],
    maxDepth: 1,
    reference: first.cid,
    timestampMs: 1_700_000_000_000,
    mode: 'direct',
    replicationMin: -1,
    replicationMax: 7,
    shardSizeBytes: 100_000_000,
    userAllocations: ['12D3KooWc'],
    expireAtMs: 4_000_000_000_000,
    metadata: { key: 'value', __proto__x: 'y' },
    pinUpdate: first.cid,
    origins: ['/ip4/1.2.3.4/tcp/4001/p2p/12D3KooWd'],
  }),
}

/** A peer info with everything in it. */
export const peerInfo: PeerInfo = {
  id: '12D3KooWa',
  addresses: ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooWa'],
  clusterPeers: ['12D3KooWb'],
  clusterPeersAddresses: [],
  version: '1.2.3',
  rpcProtocolVersion: '/pinfold/rpc/1',
  error: '',
  ipfs: { id: '12D3KooWi', addresses: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWi'], error: '' },
  peername: 'peer a',
}

const pinset: PeerPinset = {
  peer: '12D3KooWa',
  peername: 'peer a',
  pinsCount: 1_000_000,
  rootDigest: '00ff',
  behindCount: 3,
  readOnly: 'the disk is full',
  isSelfTrusted: false,
  error: '',
}

/** The items as a stream. */
export async function* only<Item>(...items: readonly Item[]): AsyncIterable<Item> {
  yield* items
}

/** Inputs and outputs of every procedure, at their fullest and at their barest. */
export const EXAMPLES: {
  readonly [Name in keyof Procedures]: readonly {
    readonly input: Procedures[Name]['input']
    readonly outputs: readonly Procedures[Name]['output'][]
  }[]
} = {
  id: [
    { input: undefined, outputs: [peerInfo] },
    { input: undefined, outputs: [{ ...peerInfo, ipfs: { id: undefined, addresses: [], error: 'down' } }] },
  ],
  status: [{ input: { cid: first.cid }, outputs: [bareInfo] }],
  left: [{ input: undefined, outputs: [{ allocatedCount: 7, handOverCount: 0 }] }],
  rebalance: [
    {
      input: { action: 'status' },
      outputs: [
        {
          peer: '12D3KooWa',
          state: 'moving',
          copiesPlanned: 10,
          copiesMoved: 3,
          pinsMoved: 2,
          refusedCount: 1,
          pinsPerSecond: 0.5,
          startedAtMs: 1_700_000_000_000,
          endedAtMs: undefined,
          reason: 'ü',
        },
      ],
    },
  ],
  holds: [
    { input: { cids: [first.cid, second.cid] }, outputs: [{ held: [true, false] }] },
    { input: { cids: [] }, outputs: [{ held: [] }] },
  ],
  noRoom: [
    { input: { after: undefined }, outputs: [{ cids: [first.cid, second.cid] }] },
    { input: { after: first.cid }, outputs: [{ cids: [] }] },
  ],
  statuses: [
    { input: { filter: undefined }, outputs: [bareInfo, fullInfo] },
    { input: { filter: new Set(['pin_error', 'remote']) }, outputs: [] },
    {
      input: {
        filter: undefined,
        range: {
          after: first.cid,
          from: first.cid,
          to: second.cid,
          limit: 3,
          types: new Set(['pin', 'meta-pin']),
          namePrefix: 'a',
          metadata: { key: 'value' },
          allocation: '12D3KooWa',
          writtenBeforeMs: 2,
          writtenSinceMs: 1,
        },
      },
      outputs: [],
    },
  ],
  summary: [
    {
      input: undefined,
      outputs: [
        {
          pinsCount: 12,
          statuses: new Map([
            ['pinned', 7],
            ['pin_error', 5],
          ]),
          reasons: new Map([['TIMEOUT', 5]]),
          givenUpCount: 1,
          ipfsFailure: 'down',
        },
      ],
    },
  ],
  why: [
    {
      input: { cid: first.cid },
      outputs: [
        { info: fullInfo, wants: 'recursive', has: 'unknown', ipfsFailure: 'down' },
        {
          info: { ...bareInfo, reason: 'TIMEOUT', nextAttemptMs: 5, isGivenUp: true, blocksCount: 9 },
          lastFailure: { error: 'no block', reason: 'TIMEOUT', atMs: 4 },
          wants: 'nothing',
          has: 'direct',
          ipfsFailure: '',
        },
      ],
    },
  ],
  recover: [{ input: { cid: second.cid }, outputs: [fullInfo] }],
  recoverAll: [
    { input: undefined, outputs: [fullInfo, bareInfo] },
    {
      input: { filter: { statuses: new Set(['pin_error']), reasons: new Set(['TIMEOUT']), limit: 9 } },
      outputs: [],
    },
  ],
  gc: [
    { input: undefined, outputs: [{ cid: first.cid }, { error: 'no' }, { cid: second.cid, error: 'no' }] },
  ],
  links: [
    { input: undefined, outputs: [{ cluster: ['12D3KooWa'], ipfs: ['12D3KooWi'], seen: SIGHTS }] },
    { input: undefined, outputs: [{ cluster: [], ipfs: undefined, seen: [] }] },
  ],
  pinset: [
    { input: undefined, outputs: [pinset] },
    { input: undefined, outputs: [{ ...pinset, readOnly: undefined, isSelfTrusted: true }] },
  ],
  repoStat: [{ input: undefined, outputs: [{ sizeBytes: 9, storageMaxBytes: 2 ** 50 }] }],
  putBlocks: [{ input: only(first, second), outputs: [{ blocks: 1 }, { blocks: 2 }] }],
}
