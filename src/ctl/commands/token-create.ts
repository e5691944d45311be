import { messageOf } from '../../errors.ts'
import { parseDuration } from '../../lib/duration.ts'
import { formatTime } from '../../model/time-json.ts'
import { parseScope, parseTokenName } from '../../model/token.ts'
import { defineCommand } from '../command.ts'
import { CommandError } from '../command-error.ts'

/** `token create` */
export const tokenCreate = defineCommand({
  path: ['token', 'create'],
  summary: 'make an API token',
  details:
    'Prints the token, once: only a hash of it is kept. It is good at the peer that is asked; give the hash that "token ls" ' +
    'shows with --encoding json to other peers by --hash, and it is good there too, with limits counted by each. Scopes: read ' +
    'looks at everything, pin also adds and removes pins, admin also changes peers, trust and tokens.',
  options: [
    { kind: 'text', name: 'scope', value: 'scope', default: 'read', summary: 'read, pin or admin' },
    {
      kind: 'text',
      name: 'expire-in',
      value: 'duration',
      default: '',
      summary: 'refuse it after this time, such as 720h; never without',
    },
    {
      kind: 'integer',
      name: 'requests-per-second',
      value: 'count',
      default: 0,
      summary: 'how often it may ask; 0 = no limit',
    },
    {
      kind: 'integer',
      name: 'pins',
      value: 'count',
      default: 0,
      summary: 'how many pins it may make in all; 0 = no limit',
    },
    {
      kind: 'integer',
      name: 'bytes',
      value: 'count',
      default: 0,
      summary: 'how many bytes it may add in all; 0 = no limit',
    },
    {
      kind: 'text',
      name: 'hash',
      value: 'hex',
      default: '',
      summary: 'make no new token, but let in the one with this SHA-256',
    },
  ],
  args: '<name>',
  examples: [
    'token create --scope pin --expire-in 720h ci',
    'token create --scope pin --pins 1000 --bytes 10000000000 --requests-per-second 5 uploads',
  ],
  async run({ options, args }, context) {
    const { pins, bytes, hash } = options
    const body = local('creating token', () => ({
      name: parseTokenName(args[0]),
      scope: parseScope(options.scope),
      limits: { requests_per_second: options['requests-per-second'], pins, bytes },
      ...expiry(options['expire-in'], context.clock.now()),
      ...(hash === '' ? {} : { hash }),
    }))
    const answer = await context.client.createToken({ body }, context)
    await context.out.value(answer, ({ token }) => token ?? '')
    if (answer.token !== undefined)
      await context.out.note('This is shown only once. Send it as "Authorization: Bearer <token>".')
  },
})

function expiry(text: string, nowMs: number): { readonly expires_at?: string } {
  return text === '' ? {} : { expires_at: formatTime(nowMs + parseDuration(text)) }
}

/** What is wrong on this side is said as a failure of this side. */
function local<Result>(doing: string, make: () => Result): Result {
  try {
    return make()
  } catch (cause) {
    throw new CommandError(doing, messageOf(cause), { cause })
  }
}
