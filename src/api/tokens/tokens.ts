import { readFile } from 'node:fs/promises'
import { ClusterError, messageOf } from '../../errors.ts'
import type { Logger } from '../../interfaces.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Random } from '../../lib/random.ts'
import { repeat } from '../../lib/repeat.ts'
import { writeWhole } from '../../lib/write-file.ts'
import { hashOfToken, makeTokenText, type Token } from '../../model/token.ts'
import { parseTokenJson, parseTokenUse, type TokenJson, toTokenJson } from '../../model/token-json.ts'
import { Quota } from './quota.ts'

/** A token that is good, and what it may still do. */
export interface KnownToken {
  readonly token: Token
  readonly quota: Quota
}

/** What the store of tokens needs. */
export interface TokenParts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

const TOKENS_MAX = 1000
/** How often what was used is written down: a crash forgets this much of it. */
const SAVE_MS = 10_000
const NEVER_USED = { pins: 0, bytes: 0, lastMs: undefined }

/**
 * Opens the API tokens of this peer: a file of hashes, names and limits, for its owner alone. Throws `CONFIG_INVALID` when
 * the file is there and cannot be understood, so that a damaged one lets nobody in by mistake.
 */
export async function openTokens(parts: TokenParts, file: string): Promise<Tokens> {
  return new Tokens(parts, file, await readTokens(file, parts.clock.now()))
}

/** The API tokens of this peer. */
export class Tokens implements AsyncDisposable {
  readonly #parts: TokenParts
  readonly #file: string
  readonly #byHash = new Map<string, KnownToken>()
  readonly #saving: AsyncDisposable
  #isChanged = false
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: TokenParts, file: string, stored: readonly unknown[]) {
    this.#parts = parts
    this.#file = file
    for (const document of stored) {
      const token = parseTokenJson(document, { hash: '', nowMs: 0 })
      this.#byHash.set(token.hash, { token, quota: this.#quotaOf(token, parseTokenUse(document)) })
    }
    const onError = (thrown: unknown) =>
      parts.logger.error('what API tokens were used for is not written down', { error: messageOf(thrown) })
    this.#saving = repeat({ clock: parts.clock, everyMs: SAVE_MS, onError }, () => this.#saveIfChanged())
  }

  /** The token with that text, also one that has expired; undefined for none. */
  find(text: string): KnownToken | undefined {
    const hash = hashOfToken(text)
    return hash === undefined ? undefined : this.#byHash.get(hash)
  }

  /** Every token, by name. */
  list(): readonly TokenJson[] {
    return [...this.#byHash.values()].map(toJson).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * Makes a token; it is on disk when this resolves. `text` is what its holder sends, undefined when the document brought
   * a hash. Throws `INVALID_ARGUMENT`, `CONFLICT` for a name or hash that is taken.
   */
  async create(
    document: unknown,
  ): Promise<{ readonly details: TokenJson; readonly text: string | undefined }> {
    const nowMs = this.#parts.clock.now()
    const made = makeTokenText(this.#parts.random)
    const token = parseTokenJson(document, { hash: hashOfToken(made) ?? '', nowMs })
    if (token.expiresMs !== undefined && token.expiresMs <= nowMs)
      throw new ClusterError('INVALID_ARGUMENT', 'expires_at is in the past')
    const known = [...this.#byHash.values()]
    if (known.some(other => other.token.name === token.name))
      throw new ClusterError(
        'CONFLICT',
        `there is a token "${token.name}": revoke it first, or take another name`,
      )
    if (this.#byHash.has(token.hash))
      throw new ClusterError('CONFLICT', 'the token with that hash has another name here')
    if (known.length >= TOKENS_MAX)
      throw new ClusterError('CONFLICT', `there are ${TOKENS_MAX} tokens already: revoke some`)
    const entry = { token: { ...token, createdMs: nowMs }, quota: this.#quotaOf(token, NEVER_USED) }
    this.#byHash.set(token.hash, entry)
    await this.#save().catch((thrown: unknown) => {
      this.#byHash.delete(token.hash)
      throw thrown
    })
    return { details: toJson(entry), text: hashOfToken(made) === token.hash ? made : undefined }
  }

  /** Refuses a token from now on. `NOT_FOUND` when there is none of that name. */
  async revoke(name: string): Promise<TokenJson> {
    const entry = [...this.#byHash.values()].find(({ token }) => token.name === name)
    if (entry === undefined) throw new ClusterError('NOT_FOUND', `there is no token "${name}"`)
    this.#byHash.delete(entry.token.hash)
    // It stays refused, although the file may bring it back at the next start: the error says so.
    await this.#save()
    return toJson(entry)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#saving[Symbol.asyncDispose]()
    await this.#saveIfChanged()
  }

  #quotaOf(token: Token, used: ConstructorParameters<typeof Quota>[1]): Quota {
    return new Quota(token, used, this.#parts.clock, () => {
      this.#isChanged = true
    })
  }

  async #saveIfChanged(): Promise<void> {
    if (this.#isChanged) await this.#save()
  }

  /** One write at a time, each with everything that is known when it begins. */
  #save(): Promise<void> {
    const write = async () => {
      this.#isChanged = false
      const text = `${JSON.stringify({ version: 1, tokens: this.list() }, null, 2)}\n`
      await writeWhole(this.#file, text, 0o600).catch((thrown: unknown) => {
        this.#isChanged = true
        throw thrown
      })
    }
    const written = this.#writing.then(write)
    // Whoever asked for this write hears of its failure; the next one only waits for its end.
    this.#writing = written.catch(() => undefined)
    return written
  }
}

function toJson({ token, quota }: KnownToken): TokenJson {
  return toTokenJson(token, quota.used)
}

async function readTokens(file: string, nowMs: number): Promise<readonly unknown[]> {
  const fault = (cause: unknown) =>
    new ClusterError(
      'CONFIG_INVALID',
      `the API tokens in ${file} cannot be read (${messageOf(cause)}): repair the file, or remove it and make new tokens`,
      { cause },
    )
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return []
    throw fault(thrown)
  }
  try {
    const { version, tokens } = JSON.parse(text)
    if (version !== 1 || !Array.isArray(tokens)) throw new Error('it is of another version')
    for (const document of tokens) {
      parseTokenJson(document, { hash: '', nowMs })
      parseTokenUse(document)
    }
    return tokens
  } catch (thrown) {
    throw fault(thrown)
  }
}
