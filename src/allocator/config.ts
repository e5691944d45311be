import { type Static, Type } from 'typebox'

/** Section `allocator.balanced`. */
export const allocatorSchema = Type.Object({
  allocate_by: Type.Array(Type.String({ minLength: 1 }), {
    default: ['tag:group', 'freespace'],
    minItems: 1,
    description:
      'Metrics to choose peers by, most important first. Tags spread copies over groups; within a group the peers with the greatest weight come first.',
  }),
  weight_tolerance: Type.Number({
    default: 0.01,
    minimum: 0,
    maximum: 0.5,
    description:
      'Peers whose weights differ by less than this share count as equal, and each content then has an order of its own among them. Free space is some seconds old when it is read; without a tolerance all content of these seconds goes to the same peers.',
  }),
})

/** How peers are chosen. */
export interface AllocatorConfig {
  readonly allocateBy: readonly string[]
  /** Share in [0, 0.5] by which weights may differ and still count as equal. */
  readonly weightTolerance: number
}

/** The settings as the allocator wants them. */
export function toAllocatorConfig(section: Static<typeof allocatorSchema>): AllocatorConfig {
  return { allocateBy: section.allocate_by, weightTolerance: section.weight_tolerance }
}
