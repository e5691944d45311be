import type { Informer, Ipfs, PinTracker } from '../../interfaces.ts'
import type { InformersConfig } from '../config.ts'
import { diskInformer } from './disk-informer.ts'
import { pinqueueInformer } from './pinqueue-informer.ts'
import { tagsInformer } from './tags-informer.ts'

/** What the informers ask. */
export interface InformerParts {
  readonly ipfs: Pick<Ipfs, 'repoStat'>
  readonly tracker: Pick<PinTracker, 'queueLength'>
}

/** The informers that the configuration names. */
export function configuredInformers(
  { ipfs, tracker }: InformerParts,
  config: InformersConfig,
): readonly Informer[] {
  return [
    ...(config.disk === undefined ? [] : [diskInformer(ipfs, config.disk)]),
    ...(config.tags === undefined ? [] : [tagsInformer(config.tags)]),
    ...(config.pinqueue === undefined ? [] : [pinqueueInformer(tracker, config.pinqueue)]),
  ]
}
