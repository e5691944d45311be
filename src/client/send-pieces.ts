import { ClusterError } from '../errors.ts'
import type { BulkAnswerJson } from '../model/bulk-json.ts'
import type { Answer, Ask, Peers } from './peers.ts'

/** A line of a bulk call: a CID, or a pin in JSON such as `{ cid, name, metadata }`. */
export type Line = string | { readonly cid: string; readonly [member: string]: unknown }

/** Bounds of one request. `fetch` gives an answer only when everything is sent, so that large ones would stand still. */
const LINES_MAX = 1000
const CHARACTERS_MAX = 512 * 1024

/**
 * Sends lines in requests of bounded size and answers with what became of each, in order. When a connection breaks, what
 * is not answered goes to the next peer: pinning or unpinning twice is the same as once.
 */
export async function* sendPieces(
  peers: Peers,
  toAsk: (body: string) => Ask,
  documentsOf: (ask: () => Promise<Answer>) => AsyncIterable<unknown>,
  source: Iterable<Line> | AsyncIterable<Line>,
): AsyncIterable<BulkAnswerJson> {
  let sent = 0
  for await (const lines of piecesOf(source)) {
    let answered = 0
    for (let tries = 1; answered < lines.length; tries++) {
      const before = answered
      const ask = toAsk(lines.slice(before).join(''))
      try {
        for await (const document of documentsOf(() => peers.send(ask))) {
          const answer = document as BulkAnswerJson
          answered = before + answer.line
          yield { ...answer, line: sent + answered }
        }
        if (answered < lines.length)
          throw new ClusterError(
            'PEER_UNREACHABLE',
            `the answer ended ${lines.length - answered} lines too early`,
          )
      } catch (thrown) {
        if (ask.signal.aborted || tries >= peers.count || !isLost(thrown)) throw thrown
        peers.passOver()
      }
    }
    sent += lines.length
  }
}

function isLost(thrown: unknown): boolean {
  return thrown instanceof ClusterError && (thrown.code === 'PEER_UNREACHABLE' || thrown.code === 'TIMEOUT')
}

async function* piecesOf(source: Iterable<Line> | AsyncIterable<Line>): AsyncIterable<readonly string[]> {
  let lines: string[] = []
  let characters = 0
  for await (const line of source) {
    const text = toText(line)
    lines.push(text)
    characters += text.length
    if (lines.length < LINES_MAX && characters < CHARACTERS_MAX) continue
    yield lines
    lines = []
    characters = 0
  }
  if (lines.length > 0) yield lines
}

/** One line each: what is blank or has a line end in it would shift the numbers of those behind it. */
function toText(line: Line): string {
  const text = typeof line === 'string' ? line.trim() : JSON.stringify(line)
  if (text === '' || /[\r\n]/.test(text))
    throw new ClusterError('INVALID_ARGUMENT', `not one line: ${JSON.stringify(text.slice(0, 100))}`)
  return `${text}\n`
}
