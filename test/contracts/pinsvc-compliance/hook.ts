// Runs the compliance package without the network: the schemas come from a file, the reports go to a folder.
import { registerHooks } from 'node:module'
import process from 'node:process'
import util from 'node:util'

const { COMPLIANCE_SCHEMAS = '', COMPLIANCE_REPORTS = '' } = process.env

// A package that it uses calls functions that Node no longer has.
const is = (type: string) => (value: unknown) => typeof value === type
Object.assign(util, {
  isArray: Array.isArray,
  isBoolean: is('boolean'),
  isFunction: is('function'),
  isNumber: is('number'),
  isString: is('string'),
  isUndefined: is('undefined'),
  isObject: (value: unknown) => typeof value === 'object' && value !== null,
})

/** Files of the package → what is changed in them. */
const CHANGES: Readonly<Record<string, readonly (readonly [from: RegExp, to: string])[]>> = {
  '/dist/src/utils/constants.js': [
    [/const specLocation = .*;/, `const specLocation = ${JSON.stringify(COMPLIANCE_SCHEMAS)};`],
    [/const docsDir = .*;/, `const docsDir = ${JSON.stringify(COMPLIANCE_REPORTS)};`],
  ],
  // Strangers' services are asked once a second.
  '/dist/src/utils/getQueue.js': [[/interval: 1000/, 'interval: 1']],
}

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    const changes = Object.entries(CHANGES).find(([file]) =>
      url.endsWith(`/pinning-service-compliance${file}`),
    )
    if (changes === undefined) return loaded
    let source = new TextDecoder().decode(
      typeof loaded.source === 'string' ? Buffer.from(loaded.source) : loaded.source,
    )
    for (const [from, to] of changes[1]) {
      if (!from.test(source)) throw new Error(`${url} is not what it was: ${from} is not in it`)
      source = source.replace(from, to)
    }
    return { ...loaded, source }
  },
})
