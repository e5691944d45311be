/** Names that Kubo's `block/put` takes, by their numbers: https://github.com/multiformats/multicodec/blob/master/table.csv */
export const CODEC_NAMES: Readonly<Record<number, string>> = {
  0x51: 'cbor',
  0x55: 'raw',
  0x70: 'dag-pb',
  0x71: 'dag-cbor',
  0x72: 'libp2p-key',
  0x78: 'git-raw',
  0x85: 'dag-jose',
  0x129: 'dag-json',
  0x200: 'json',
}

const CODES = new Map(Object.entries(CODEC_NAMES).map(([code, name]) => [name, Number(code)]))

/** The number of a codec; undefined for a name that is not among them. */
export function codecCode(name: string): number | undefined {
  return CODES.get(name)
}
