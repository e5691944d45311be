import { readFile, writeFile } from 'node:fs/promises'

/** The unit of processor time in /proc. */
const TICK_MS = 10
const OWN = [11, 12] as const
const ENDED_CHILDREN = [13, 14] as const

/** Processor time that a process has used so far, in milliseconds; in steps of ten. */
export function cpuMsOf(pid: number): Promise<number> {
  return readStat(pid, OWN)
}

/** What children of this process have used that have ended. */
export function cpuMsOfEndedChildren(): Promise<number> {
  return readStat(process.pid, ENDED_CHILDREN)
}

/** Resident memory of a process in MB: now, and at most since `resetPeak`. */
export async function memoryOf(pid: number): Promise<{ residentMb: number; peakMb: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const mb = (name: string) => (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024) / 1e6
  return { residentMb: mb('VmRSS'), peakMb: mb('VmHWM') }
}

/** Lets the peak of a process begin anew. */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

async function readStat(pid: number, [user, system]: readonly [number, number]): Promise<number> {
  // The name of the program, in parentheses, may hold anything.
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')
  return (Number(fields[user]) + Number(fields[system])) * TICK_MS
}
