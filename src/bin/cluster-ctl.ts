#!/usr/bin/env node
import { runProcess } from '../ctl/run-process.ts'

// Loaded only for hosts that are libp2p addresses: it takes half a second.
process.exitCode = await runProcess(async (...call) => {
  const { connectPeer } = await import('./connect-peer.ts')
  return connectPeer(...call)
})
