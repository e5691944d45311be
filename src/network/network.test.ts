import { networkContract } from '../../test/contracts/network.ts'
import { openStar } from '../../test/support/real-network.ts'

networkContract('libp2p', count => openStar(count))
