import { type Static, Type } from 'typebox'
import { ClusterError } from '../../errors.ts'
import { parseDuration } from '../../lib/duration.ts'
import { durationSetting } from '../../lib/schema.ts'

/** A value is measured twice in its time to live, and must outlive one heartbeat that gets lost after that. */
const TTL_INTERVALS_MIN = 4
/** Others take no value for longer. */
const TTL_MS_MAX = 86_400_000
/** A heartbeat has room for so many characters of tags, beside addresses and other values. */
const TAGS_CHARACTERS_MAX = 16_384

const ttl = () =>
  durationSetting(
    '30s',
    'How long a value holds, at most 24h; it is measured twice in that time. At least four times `cluster.monitor_ping_interval` counts, so that a lost heartbeat does no harm.',
  )

/** Section `informer.disk`. */
export const diskInformerSchema = Type.Object({
  metric_ttl: ttl(),
  metric_type: Type.Union([Type.Literal('freespace'), Type.Literal('reposize')], {
    default: 'freespace',
    description:
      'What to tell of the IPFS repository: the bytes left of its limit, or the bytes it takes (fewer are better). Either way, `diskused` tells the share of the limit that is taken.',
  }),
  filesystem_path: Type.String({
    default: '',
    maxLength: 4096,
    description:
      'Folder on the file system in which the IPFS repository lies. Where that has less room than the limit of the repository leaves, it counts. Empty = only the limit counts, which a Kubo does not hold its repository to.',
  }),
})

/** Section `informer.tags`. */
export const tagsInformerSchema = Type.Object({
  metric_ttl: ttl(),
  tags: Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.String({ maxLength: 1000 }), {
    default: { group: 'default' },
    maxProperties: 48,
    description:
      'Names and values by which copies are spread, such as region or rack: metric `tag:<name>`. At most 48, and 16,384 characters in all.',
  }),
})

/** Section `informer.pinqueue`. */
export const pinqueueInformerSchema = Type.Object({
  metric_ttl: ttl(),
  weight_bucket_size: Type.Integer({
    default: 100_000,
    minimum: 0,
    description: 'Queues that differ by less than this many pins count as equal. 0 = every pin counts.',
  }),
})

/** Section `informer.numpin`. */
export const numpinInformerSchema = Type.Object({ metric_ttl: ttl() })

/** Section `informer.weight`. */
export const weightInformerSchema = Type.Object({
  metric_ttl: ttl(),
  weight: Type.Number({
    default: 1,
    minimum: -1e15,
    maximum: 1e15,
    description:
      'How much this peer is wanted, by your own measure: metric `weight`. Greater is better where `allocator.balanced.allocate_by` names it.',
  }),
})

/** What the informers measure; undefined = that one does not run. */
export interface InformersConfig {
  readonly disk:
    | {
        readonly metric: 'freespace' | 'reposize'
        /** '' = only the limit of the repository counts. */
        readonly filesystemPath: string
        readonly ttlMs: number
      }
    | undefined
  readonly tags: { readonly tags: Readonly<Record<string, string>>; readonly ttlMs: number } | undefined
  readonly pinqueue: { readonly bucketSize: number; readonly ttlMs: number } | undefined
  readonly numpin: { readonly ttlMs: number } | undefined
  readonly weight: { readonly weight: number; readonly ttlMs: number } | undefined
}

/** Sections as they are read; an informer whose section is absent does not run. */
export interface InformerSections {
  readonly disk: Static<typeof diskInformerSchema> | undefined
  readonly tags: Static<typeof tagsInformerSchema> | undefined
  readonly pinqueue: Static<typeof pinqueueInformerSchema> | undefined
  readonly numpin: Static<typeof numpinInformerSchema> | undefined
  readonly weight: Static<typeof weightInformerSchema> | undefined
}

/** The settings as the informers want them. Throws `CONFIG_INVALID` for what no heartbeat could carry. */
export function toInformersConfig(
  { disk, tags, pinqueue, numpin, weight }: InformerSections,
  pingIntervalMs: number,
): InformersConfig {
  const ttlOf = (name: string, { metric_ttl }: { readonly metric_ttl: string }): number => {
    const ttlMs = parseDuration(metric_ttl)
    if (ttlMs > TTL_MS_MAX)
      throw new ClusterError(
        'CONFIG_INVALID',
        `informer.${name}.metric_ttl is longer than 24h: ${metric_ttl}`,
      )
    return Math.min(TTL_MS_MAX, Math.max(ttlMs, TTL_INTERVALS_MIN * pingIntervalMs))
  }
  return {
    disk: disk && {
      metric: disk.metric_type,
      filesystemPath: disk.filesystem_path,
      ttlMs: ttlOf('disk', disk),
    },
    tags: tags && { tags: checkTags(tags.tags), ttlMs: ttlOf('tags', tags) },
    pinqueue: pinqueue && { bucketSize: pinqueue.weight_bucket_size, ttlMs: ttlOf('pinqueue', pinqueue) },
    numpin: numpin && { ttlMs: ttlOf('numpin', numpin) },
    weight: weight && { weight: weight.weight, ttlMs: ttlOf('weight', weight) },
  }
}

function checkTags(tags: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const texts = Object.entries(tags).flat()
  const characters = texts.reduce((sum, text) => sum + text.length, 0)
  if (characters > TAGS_CHARACTERS_MAX)
    throw new ClusterError(
      'CONFIG_INVALID',
      `informer.tags.tags has ${characters} characters in all, at most ${TAGS_CHARACTERS_MAX} fit into a heartbeat: have fewer or shorter tags`,
    )
  if (texts.some(text => !text.isWellFormed()))
    throw new ClusterError('CONFIG_INVALID', 'informer.tags.tags has a text with half of a surrogate pair')
  return tags
}
