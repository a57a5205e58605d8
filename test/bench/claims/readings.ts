import { readdirSync, readFileSync } from 'node:fs'
import { type Reading, read } from '../gateway/processor.ts'

/** The kernel's counters at one moment. */
export interface Readings extends Pick<Reading, 'atMs' | 'cores'> {
  /** Processor seconds of what is measured. */
  readonly measuredSeconds: number
  /** Of PostgreSQL, all of it. */
  readonly postgresSeconds: number
}

/** @param postmaster the process that all others of a PostgreSQL are children of. */
export function readAll(pids: readonly number[], postmaster: number): Readings {
  const all = pids.map(pid => read(pid))
  const { atMs, cores } = all[0]!
  return {
    atMs,
    cores,
    measuredSeconds: all.reduce((sum, { gatewaySeconds }) => sum + gatewaySeconds, 0),
    postgresSeconds: secondsOfFamily(postmaster),
  }
}

/** Processor seconds of a process and of its children that live. */
function secondsOfFamily(pid: number): number {
  let sum = read(pid).gatewaySeconds
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      if (parentOf(readFileSync(`/proc/${entry}/stat`, 'utf8')) === pid)
        sum += read(Number(entry)).gatewaySeconds
    } catch {
      // It has just ended.
    }
  }
  return sum
}

/** Behind its name, in brackets, stand its state and its parent. */
const parentOf = (stat: string): number => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
