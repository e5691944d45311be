import type { Informer, PinTracker } from '../../interfaces.ts'
import type { InformersConfig } from './config.ts'
import { type DiskParts, diskInformer } from './disk-informer.ts'
import { numpinInformer } from './numpin-informer.ts'
import { pinqueueInformer } from './pinqueue-informer.ts'
import { tagsInformer } from './tags-informer.ts'
import { weightInformer } from './weight-informer.ts'

/** What the informers ask. */
export interface InformerParts extends DiskParts {
  readonly tracker: Pick<PinTracker, 'queueLength' | 'pinnedCount'>
}

/** The informers that the configuration names. */
export function configuredInformers(parts: InformerParts, config: InformersConfig): readonly Informer[] {
  const { tracker } = parts
  return [
    ...(config.disk === undefined ? [] : [diskInformer(parts, config.disk)]),
    ...(config.tags === undefined ? [] : [tagsInformer(config.tags)]),
    ...(config.pinqueue === undefined ? [] : [pinqueueInformer(tracker, config.pinqueue)]),
    ...(config.numpin === undefined ? [] : [numpinInformer(tracker, config.numpin)]),
    ...(config.weight === undefined ? [] : [weightInformer(config.weight)]),
  ]
}
