/** Option of commands that can ask one peer only. */
export const localOption = {
  kind: 'flag',
  name: 'local',
  summary: 'ask only the peer that answers',
} as const

/** Option of commands whose output is one text. */
export const fileOption = {
  kind: 'text',
  name: 'file',
  aliases: ['f'],
  value: 'path',
  default: '',
  summary: 'write to this file, not to standard output',
} as const
