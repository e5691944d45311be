import { rpcContract } from '../../test/contracts/rpc.ts'
import { openFakes } from '../../test/support/open-fakes.ts'
import { openStar } from '../../test/support/real-network.ts'

rpcContract('fake network', openFakes)
rpcContract('libp2p', count => openStar(count))
