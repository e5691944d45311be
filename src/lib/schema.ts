import { Type } from 'typebox'

const DURATION = '^(0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$'

/** A setting that is a time span in Go's syntax, such as `15s` or `1h30m`; read it with `parseDuration`. */
export function durationSetting(byDefault: string, description: string) {
  return Type.String({ default: byDefault, description, pattern: DURATION })
}

/** A setting that is one text or a list of texts, as the reference allows for listen addresses. */
export function oneOrManySetting(byDefault: readonly string[], description: string) {
  return Type.Union([Type.String(), Type.Array(Type.String())], { default: [...byDefault], description })
}

/** Such a setting as a list. */
export function toList(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}
