import { type Static, Type } from 'typebox'
import { ClusterError, messageOf } from '../errors.ts'
import { type Placement, parseTag, parseTagRules } from '../model/placement.ts'

const tagList = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 1200 }), { default: [], maxItems: 32, description })

/** Section `allocator.balanced`. */
export const allocatorSchema = Type.Object({
  allocate_by: Type.Array(Type.String({ minLength: 1 }), {
    default: ['tag:group', 'freespace'],
    minItems: 1,
    description:
      'Metrics to choose peers by, most important first. Tags spread copies over groups; within a group the peers with the greatest weight come first.',
  }),
  weight_tolerance: Type.Number({
    default: 0.1,
    minimum: 0,
    maximum: 0.5,
    description:
      'Peers whose weights differ by less than this share count as equal, and get equal shares. Free space is some seconds old when it is read; without a tolerance all content of these seconds goes to the same peers.',
  }),
  require: tagList(
    'Tags with their values, such as `region=eu`: only peers that have them are chosen. Of several values of one tag any will do. A pin that asks for tags itself is placed by those instead.',
  ),
  exclude: tagList(
    'Tags with their values: peers that have one of them are not chosen. A pin that excludes tags itself is placed by those instead.',
  ),
  distinct: Type.String({
    default: '',
    maxLength: 100,
    description:
      'Tag such as `zone` of which no two copies of a pin may have the same value, unless the pin names another; empty = copies are spread over groups by `allocate_by` as far as that is possible.',
  }),
  disk_full_share: Type.Number({
    default: 0.95,
    exclusiveMinimum: 0,
    maximum: 1,
    description:
      'Peers whose disk is taken to this share of its limit get nothing new; what they keep they go on keeping. 1 = only full disks.',
  }),
})

/** How peers are chosen. */
export interface AllocatorConfig {
  readonly allocateBy: readonly string[]
  /** Share in [0, 0.5] by which weights may differ and still count as equal. */
  readonly weightTolerance: number
  /** Share in (0, 1] of the disk from which on a peer gets nothing new. */
  readonly diskFullShare: number
  /** Where copies of a pin may be that does not say. */
  readonly placement: Placement
}

/** The settings as the allocator wants them. Throws `CONFIG_INVALID`, naming the setting that is wrong. */
export function toAllocatorConfig(section: Static<typeof allocatorSchema>): AllocatorConfig {
  return {
    allocateBy: section.allocate_by,
    weightTolerance: section.weight_tolerance,
    diskFullShare: section.disk_full_share,
    placement: {
      require: named('require', () => parseTagRules(section.require.join(','))),
      exclude: named('exclude', () => parseTagRules(section.exclude.join(','))),
      distinct: section.distinct === '' ? undefined : named('distinct', () => parseTag(section.distinct)),
    },
  }
}

function named<Value>(key: string, parse: () => Value): Value {
  try {
    return parse()
  } catch (cause) {
    throw new ClusterError('CONFIG_INVALID', `allocator.balanced.${key}: ${messageOf(cause)}`, { cause })
  }
}
