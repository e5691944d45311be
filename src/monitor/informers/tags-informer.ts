import type { Informer } from '../../interfaces.ts'

/** Tells the tags of this peer, each as metric `tag:<name>`. Peers with the same value form a group. */
export function tagsInformer({
  tags,
  ttlMs,
}: {
  readonly tags: Readonly<Record<string, string>>
  readonly ttlMs: number
}): Informer {
  return {
    name: 'tags',
    read: async () =>
      Object.entries(tags).map(([name, value]) => ({
        name: `tag:${name}`,
        value,
        weight: 0,
        isPartitionable: true,
        isValid: true,
        ttlMs,
      })),
  }
}
