import type { CallOptions, Client } from '../api/client.ts'
import { type Route, routes } from '../api/routes.ts'
import { conform } from './conform.ts'

type AnyCall = (input: object, options: CallOptions) => Promise<unknown> | AsyncIterable<unknown>

/** The same client, whose answers are known to have the form that the routes promise. */
export function conformingClient(open: () => Client): Client {
  let client: Readonly<Record<string, AnyCall>> | undefined
  const calls = Object.entries(routes).map(([name, route]: [string, Route]) => {
    const ask: AnyCall = (input, options) => {
      client ??= open() as unknown as Readonly<Record<string, AnyCall>>
      const call = client[name]
      if (call === undefined) throw new Error(`the client has no call ${name}`)
      const answer = call(input, options)
      if (route.reply === undefined) return answer
      return Symbol.asyncIterator in answer
        ? conformEach(route.reply, answer)
        : answer.then(value => conform(route.reply ?? {}, value))
    }
    return [name, ask] as const
  })
  // Both are built from the table of routes, which types them.
  return Object.fromEntries(calls) as unknown as Client
}

async function* conformEach(
  reply: NonNullable<Route['reply']>,
  documents: AsyncIterable<unknown>,
): AsyncIterable<unknown> {
  for await (const document of documents) yield conform(reply, document)
}
