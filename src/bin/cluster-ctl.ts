#!/usr/bin/env node
import { runProcess } from '../ctl/run-process.ts'

process.exitCode = await runProcess()
