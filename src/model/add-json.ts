import {
  integerSchema,
  listSchema,
  nullableSchema,
  objectSchema,
  textSchema,
  type ValueOf,
} from '../lib/json-schema.ts'
import type { AddedOutput } from './add.ts'
import { formatCid } from './cid.ts'

/** JSON of a record that adding gives on its way; `cid` is null on progress records. */
export const addedJsonSchema = objectSchema(
  { name: textSchema(), cid: nullableSchema(textSchema('CID')) },
  { bytes: integerSchema, size: integerSchema, allocations: listSchema(textSchema('peer id')) },
)
/** JSON of a record that adding gives on its way. */
export type AddedJson = ValueOf<typeof addedJsonSchema>

/** JSON of a record of adding. Zero counts and empty lists are left out. */
export function toAddedJson(output: AddedOutput): AddedJson {
  const { bytes = 0, size = 0, allocations = [] } = output
  return {
    name: output.name,
    cid: output.cid === undefined ? null : formatCid(output.cid),
    ...(bytes === 0 ? {} : { bytes }),
    ...(size === 0 ? {} : { size }),
    ...(allocations.length === 0 ? {} : { allocations }),
  }
}
