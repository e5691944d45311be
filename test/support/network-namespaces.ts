import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Hosts with a network card each, joined by a switch, on this machine alone. Disposing it removes them. */
export interface NetworkNamespaces extends AsyncDisposable {
  readonly hosts: readonly { readonly name: string; readonly ip: string }[]
  /** Pulls a host's cable. */
  unplug(index: number): Promise<void>
  /** Puts it back. */
  plug(index: number): Promise<void>
}

/** Why namespaces can't be made here; undefined when they can. */
export async function namespacesUnavailable(): Promise<string | undefined> {
  const name = `pinfold-probe-${process.pid}`
  try {
    await run('ip', ['netns', 'add', name])
    await run('ip', ['netns', 'del', name])
    return undefined
  } catch {
    return 'network namespaces need root and the command ip (package iproute2)'
  }
}

/** Makes that many hosts, 10.77.0.1 and up. */
export async function openNetworkNamespaces(count: number): Promise<NetworkNamespaces> {
  await using stack = new AsyncDisposableStack()
  const prefix = `pinfold-${process.pid}`
  const add = async (name: string) => {
    await run('ip', ['netns', 'add', name])
    stack.defer(async () => void (await run('ip', ['netns', 'del', name])))
  }
  const hub = `${prefix}-hub`
  await add(hub)
  await run('ip', ['-n', hub, 'link', 'add', 'switch', 'type', 'bridge'])
  await run('ip', ['-n', hub, 'link', 'set', 'switch', 'up'])
  const hosts: { name: string; ip: string }[] = []
  for (let index = 0; index < count; index++) {
    const name = `${prefix}-${index}`
    const ip = `10.77.0.${index + 1}`
    await add(name)
    await run('ip', [
      '-n',
      hub,
      'link',
      'add',
      `port${index}`,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      name,
    ])
    await run('ip', ['-n', hub, 'link', 'set', `port${index}`, 'master', 'switch', 'up'])
    await run('ip', ['-n', name, 'addr', 'add', `${ip}/24`, 'dev', 'eth0'])
    for (const device of ['eth0', 'lo']) await run('ip', ['-n', name, 'link', 'set', device, 'up'])
    hosts.push({ name, ip })
  }
  const made = stack.move()
  const set = async (index: number, state: 'up' | 'down') =>
    void (await run('ip', ['-n', hub, 'link', 'set', `port${index}`, state]))
  return {
    hosts,
    unplug: index => set(index, 'down'),
    plug: index => set(index, 'up'),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  }
}
