import { overrideIdentity, readIdentity, toIdentity } from '../../config/identity-file.ts'
import { configFolder, pathsIn } from '../../config/paths.ts'
import { ClusterError } from '../../errors.ts'
import { type Command, say } from '../command.ts'

/** Prints the peer id. */
export const idCommand: Command = {
  name: 'id',
  summary: 'print the id of the peer in the folder',
  description: `Prints the peer id of this folder's identity, which other peers need to trust this one and to connect to it. The daemon need
not run. For the addresses of a running peer see cluster-ctl id.`,
  flags: [],
  examples: ['cluster-service id', 'cluster-service -c ~/peer2 id'],
  run: async (input, context) => {
    const paths = pathsIn(configFolder(input.text('config'), context.environment))
    const text = await readIdentity(paths)
    if (text === undefined && !context.environment['CLUSTER_PRIVATEKEY']) {
      throw new ClusterError(
        'NOT_FOUND',
        `reading the identity: ${paths.identity} does not exist. Make one with "cluster-service init"`,
      )
    }
    const none = { id: undefined, privateKey: undefined }
    say(context.stdout, toIdentity(overrideIdentity(text ?? none, context.environment), paths.identity).id)
    return 0
  },
}
