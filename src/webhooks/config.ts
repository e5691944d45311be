import { type Static, Type } from 'typebox'
import { ClusterError } from '../errors.ts'
import { EVENT_KINDS, type EventKind } from '../model/cluster-event.ts'

/** Section `api.webhooks`. */
export const webhooksSchema = Type.Object({
  hooks: Type.Array(
    Type.Object(
      {
        url: Type.String({ pattern: '^https?://', description: 'Where events are sent, with POST' }),
        secret: Type.String({ minLength: 16, description: 'Key of the signature' }),
        kinds: Type.Optional(Type.Array(Type.Enum([...EVENT_KINDS]))),
      },
      { additionalProperties: false },
    ),
    {
      default: [],
      maxItems: 100,
      description:
        'Addresses to which the events of this peer are sent: `{"url": "https://…", "secret": "…", "kinds": ["pin", "status", "peer", "alert"]}`, the kinds being all when left out. See the guide on events.',
    },
  ),
})

/** One address that events are sent to. */
export interface Webhook {
  readonly url: string
  /** Key of the signature. */
  readonly secret: string
  /** undefined = all. */
  readonly kinds: ReadonlySet<EventKind> | undefined
}

/** Where events are sent. */
export interface WebhooksConfig {
  readonly hooks: readonly Webhook[]
}

/** The section in the component's own terms. Throws `CONFIG_INVALID` for what is no address. */
export function toWebhooksConfig({ hooks }: Static<typeof webhooksSchema>): WebhooksConfig {
  return {
    hooks: hooks.map(({ url, secret, kinds }) => {
      if (!URL.canParse(url))
        throw new ClusterError('CONFIG_INVALID', `api.webhooks.hooks: "${url}" is no URL`)
      return { url, secret, kinds: kinds === undefined ? undefined : new Set(kinds) }
    }),
  }
}
