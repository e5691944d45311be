import { isIPv4 } from 'node:net'
import type { ApiAddress } from './address.ts'

/** Whether only programs of this machine reach an address. Names other than `localhost` may lead anywhere. */
export function isLocal(address: ApiAddress): boolean {
  if (address.kind === 'unix') return true
  const host = address.host.toLowerCase()
  if (host === 'localhost') return true
  if (isIPv4(host)) return host.startsWith('127.')
  const mapped = /^(?:0*:)*:ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(host)?.[1]
  if (mapped !== undefined) return mapped.startsWith('127.')
  return /^(?:0*:)+0*1$/.test(host)
}

/** Settings that decide who is let in. */
export interface Exposure {
  readonly listen: readonly ApiAddress[]
  /** Whether users, client certificates or `anonymous_scope` say who is let in. */
  readonly isDecided: boolean
  /** Section in `service.json`, such as `api.restapi`, and the beginning of its variables, such as `CLUSTER_RESTAPI`. */
  readonly section: string
  readonly prefix: string
}

/** Why an API must not be served: it listens to other machines, and nobody said who may use it. Undefined when it may. */
export function exposureFault({ listen, isDecided, section, prefix }: Exposure): string | undefined {
  const open = listen.find(address => !isLocal(address))
  if (open === undefined || isDecided) return undefined
  return (
    `${open.text} can be reached from other machines, where everybody could then pin and unpin. ` +
    `Add to ${section} a password: "basic_auth_credentials": {"admin": "<password>"} ` +
    `(or set ${prefix}_BASICAUTHCREDENTIALS=admin:<password>); ` +
    'or listen on /ip4/127.0.0.1; ' +
    `or, if something else keeps others out, say so: "anonymous_scope": "admin" (or set ${prefix}_ANONYMOUSSCOPE=admin)`
  )
}
