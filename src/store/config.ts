import { type Static, Type } from 'typebox'
import { Create } from 'typebox/value'

const KIB = 1024
const MIB = 1024 * KIB

/** Section `datastore.level`: where the byte store lies on disk, and how LevelDB uses memory and files. */
export const storeSchema = Type.Object({
  folder: Type.String({
    default: 'level',
    minLength: 1,
    description: 'Folder of the database; a relative one lies in the configuration folder.',
  }),
  cache_size_bytes: Type.Integer({
    default: 8 * MIB,
    minimum: 64 * KIB,
    maximum: 16 * 1024 * MIB,
    description:
      'Memory for uncompressed blocks that were read lately by their keys; listings leave nothing there.',
  }),
  write_buffer_size_bytes: Type.Integer({
    default: 8 * MIB,
    minimum: 64 * KIB,
    maximum: 1024 * MIB,
    description:
      'Writes gathered in memory (and in the log) before a table file is written; up to two of them exist at once. More makes bulk writes faster and the start after a crash slower.',
  }),
  block_size_bytes: Type.Integer({
    default: 4 * KIB,
    minimum: KIB,
    maximum: 4 * MIB,
    description: 'Uncompressed data that is read at once for one key, about.',
  }),
  max_file_size_bytes: Type.Integer({
    default: MIB,
    minimum: MIB,
    maximum: 1024 * MIB,
    description:
      'Size at which a table file is closed and the next one begun. Files that are there already keep theirs until they are written anew.',
  }),
  max_open_files: Type.Integer({
    default: 74,
    minimum: 64,
    maximum: 100_000,
    description:
      'Files held open, of which all but ten are tables; below 74 it counts as 74. Tables are mapped into memory, so that the system counts what was read of them as memory of the process: at most this number times max_file_size_bytes. To read at random from what is not open costs some 10 µs more.',
  }),
  compression: Type.Boolean({
    default: true,
    description: 'Compress blocks with Snappy.',
  }),
})

/** The section as it stands in the file. */
export type StoreSection = Static<typeof storeSchema>

/** What `openLevel` takes. */
export interface LevelConfig {
  readonly cacheSizeBytes: number
  readonly writeBufferSizeBytes: number
  readonly blockSizeBytes: number
  readonly maxFileSizeBytes: number
  readonly openFilesMax: number
  readonly isCompressed: boolean
}

/** The section in the component's own terms; the folder is for whoever opens the store. */
export function toLevelConfig(section: StoreSection): LevelConfig {
  return {
    cacheSizeBytes: section.cache_size_bytes,
    writeBufferSizeBytes: section.write_buffer_size_bytes,
    blockSizeBytes: section.block_size_bytes,
    maxFileSizeBytes: section.max_file_size_bytes,
    openFilesMax: section.max_open_files,
    isCompressed: section.compression,
  }
}

/** The configuration that an empty section gives. */
export const DEFAULT_LEVEL_CONFIG: LevelConfig = toLevelConfig(Create(storeSchema))
