import type { PinsetJson, TrustJson } from '../model/pinset-json.ts'

/** Whom a peer trusts: the configuration, a line for each change since, and a warning where it is due. */
export function formatTrust({ configured, changes, trusted_by_cluster }: TrustJson): string {
  const names = configured.length === 0 ? 'no other peer' : configured.join(' ')
  return [
    `Configured: ${names === '*' ? '* (every peer that has the secret)' : names}`,
    ...changes.map(({ peer, trusted }) => `${peer} | ${trusted ? 'trusted' : 'not trusted'}`),
    ...(trusted_by_cluster ? [] : ['The cluster does not trust this peer: others refuse what it writes.']),
  ].join('\n')
}

/** The pinset of a peer in one line. */
export function formatPinset(pinset: PinsetJson): string {
  if (pinset.error !== '') return `${pinset.peer} | ERROR: ${pinset.error}`
  return [
    pinset.peer,
    pinset.peername,
    `Pins: ${pinset.pins}`,
    `Digest: ${pinset.digest}`,
    ...(pinset.partitions_behind > 0 ? [`Behind: ${pinset.partitions_behind} pieces`] : []),
    ...(pinset.read_only === '' ? [] : [`READ-ONLY: ${pinset.read_only}`]),
    ...(pinset.trusted_by_cluster ? [] : ['NOT TRUSTED by the cluster']),
  ].join(' | ')
}
