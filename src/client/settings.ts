import type { AddQuery, PinQuery } from '../api/query-schema.ts'

/** How content is pinned; what is left out is as the cluster has it. */
export interface PinSettings {
  readonly name?: string
  readonly mode?: 'recursive' | 'direct'
  /** Copies: sets both of the next two. -1 = on every peer. */
  readonly replication?: number
  readonly replicationMin?: number
  readonly replicationMax?: number
  /** Peers to prefer. */
  readonly allocations?: readonly string[]
  readonly expireAt?: Date
  readonly metadata?: Readonly<Record<string, string>>
  /** CID of the pin whose settings to take, and whose blocks to start from. */
  readonly update?: string
  /** Multiaddrs of IPFS nodes that have the content, each with `/p2p/<id>`. */
  readonly origins?: readonly string[]
}

/** How content is added. */
export interface AddSettings extends PinSettings {
  /** `car`: the one file is a CAR, whose blocks are taken as they are. */
  readonly format?: 'unixfs' | 'car'
  readonly cidVersion?: 0 | 1
  readonly rawLeaves?: boolean
  readonly layout?: 'balanced' | 'trickle'
  readonly chunker?: string
  readonly hash?: string
  readonly wrapWithDirectory?: boolean
  /** Put the blocks on the answering peer only. */
  readonly local?: boolean
  /** Put the blocks, but do not pin them. */
  readonly noPin?: boolean
  /** Also answer with how many bytes are in. */
  readonly progress?: boolean
}

type Texts = Readonly<Record<string, string | undefined>>

/** Settings as they stand in a URL. */
export function toPinQuery(settings: PinSettings): PinQuery {
  const metadata = Object.entries(settings.metadata ?? {}).map(([key, value]) => [`meta-${key}`, value])
  const texts: Texts = {
    name: settings.name,
    mode: settings.mode,
    replication: settings.replication?.toString(),
    'replication-min': settings.replicationMin?.toString(),
    'replication-max': settings.replicationMax?.toString(),
    'user-allocations': settings.allocations?.join(','),
    'expire-at': settings.expireAt?.toISOString(),
    'pin-update': settings.update,
    origins: settings.origins?.join(','),
  }
  return { ...said(texts), ...Object.fromEntries(metadata) }
}

/** Settings as they stand in a URL. */
export function toAddQuery(settings: AddSettings): AddQuery {
  const texts: Texts = {
    format: settings.format,
    'cid-version': settings.cidVersion?.toString(),
    'raw-leaves': settings.rawLeaves?.toString(),
    layout: settings.layout,
    chunker: settings.chunker,
    hash: settings.hash,
    'wrap-with-directory': settings.wrapWithDirectory?.toString(),
    local: settings.local?.toString(),
    'no-pin': settings.noPin?.toString(),
    progress: settings.progress?.toString(),
    'stream-channels': 'true',
  }
  return { ...toPinQuery(settings), ...said(texts) }
}

function said(texts: Texts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
