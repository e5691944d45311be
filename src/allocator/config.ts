import { type Static, Type } from 'typebox'

/** Section `allocator.balanced`. */
export const allocatorSchema = Type.Object({
  allocate_by: Type.Array(Type.String({ minLength: 1 }), {
    default: ['tag:group', 'freespace'],
    description:
      'Names of the metrics that peers are chosen by, most important first. A peer without one of them is not chosen.',
  }),
})

/** The section as it stands in the file. */
export type AllocatorSection = Static<typeof allocatorSchema>

/** By what peers are chosen. */
export interface AllocatorConfig {
  /** Metric names, most important first. */
  readonly allocateBy: readonly string[]
}

/** The section in the component's own terms. */
export function toAllocatorConfig(section: AllocatorSection): AllocatorConfig {
  return { allocateBy: section.allocate_by }
}
