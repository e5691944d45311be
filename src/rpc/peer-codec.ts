import type { PeerInfo } from '../model/peer.ts'
import type { PeerPinset } from '../model/pinset-state.ts'
import { type Codec, Fields, withoutUndefined } from './wire.ts'

/** What a peer says of itself. */
export const peerInfoCodec: Codec<PeerInfo> = {
  toWire: info => ({
    ...info,
    addresses: [...info.addresses],
    clusterPeers: [...info.clusterPeers],
    clusterPeersAddresses: [...info.clusterPeersAddresses],
    ipfs: withoutUndefined({ ...info.ipfs, addresses: [...info.ipfs.addresses] }),
  }),
  fromWire: wire => {
    const fields = new Fields(wire, 'peer info')
    const ipfs = fields.nested('ipfs')
    return {
      id: fields.text('id'),
      addresses: fields.texts('addresses'),
      clusterPeers: fields.texts('clusterPeers'),
      clusterPeersAddresses: fields.texts('clusterPeersAddresses'),
      version: fields.text('version'),
      rpcProtocolVersion: fields.text('rpcProtocolVersion'),
      error: fields.text('error'),
      ipfs: {
        id: ipfs.optional('id', key => ipfs.text(key)),
        addresses: ipfs.texts('addresses'),
        error: ipfs.text('error'),
      },
      peername: fields.text('peername'),
    }
  },
}

/** What a peer says of its pinset. */
export const peerPinsetCodec: Codec<PeerPinset> = {
  toWire: pinset => withoutUndefined({ ...pinset }),
  fromWire: wire => {
    const fields = new Fields(wire, 'pinset')
    return {
      peer: fields.text('peer'),
      peername: fields.text('peername'),
      pinsCount: fields.count('pinsCount'),
      rootDigest: fields.text('rootDigest'),
      behindCount: fields.count('behindCount'),
      readOnly: fields.optional('readOnly', key => fields.text(key)),
      isSelfTrusted: fields.flag('isSelfTrusted'),
      error: fields.text('error'),
    }
  },
}
