import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The gateway's own core; everything else runs on the other. */
export const GATEWAY_CORE = 0
export const LOAD_CORE = 1

/** Readings of the kernel's counters at one moment. */
export interface Reading {
  readonly atMs: number
  readonly gatewaySeconds: number
  readonly cores: readonly { readonly busy: number; readonly all: number }[]
}

/** How busy things were between two readings, each as a part of one core. */
export interface Busy {
  /** The gateway's process, all its threads. */
  readonly gateway: number
  readonly gatewayCore: number
  readonly loadCore: number
  /** Processor seconds of the gateway's process. */
  readonly gatewaySeconds: number
}

const GATEWAY_BUSY_MIN = 0.95
const LOAD_BUSY_MAX = 0.85
/** Of the gateway's core, used by anybody else. */
const FOREIGN_MAX = 0.1

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** @throws Error where there is no /proc. */
export function read(gatewayPid: number): Reading {
  return {
    atMs: performance.now(),
    gatewaySeconds: ticksOf(readFileSync(`/proc/${gatewayPid}/stat`, 'utf8')) / TICKS_PER_SECOND,
    cores: coresOf(readFileSync('/proc/stat', 'utf8')),
  }
}

export function busyBetween(before: Reading, after: Reading): Busy {
  const seconds = (after.atMs - before.atMs) / 1_000
  const core = (index: number): number => {
    const [a, b] = [before.cores[index]!, after.cores[index]!]
    return b.all === a.all ? 0 : (b.busy - a.busy) / (b.all - a.all)
  }
  const gatewaySeconds = after.gatewaySeconds - before.gatewaySeconds
  return {
    gateway: gatewaySeconds / seconds,
    gatewayCore: core(GATEWAY_CORE),
    loadCore: core(LOAD_CORE),
    gatewaySeconds,
  }
}

/** Why a run's throughput says nothing about the gateway, or `undefined`. */
export function voidReason(
  { gateway, gatewayCore, loadCore }: Busy,
  { requests, failed }: { readonly requests: number; readonly failed: number },
): string | undefined {
  const percent = (part: number): string => `${(part * 100).toFixed(1)} %`
  if (requests === 0) return 'no request was answered'
  if (failed > 0) return `${failed} requests failed`
  if (gatewayCore < GATEWAY_BUSY_MIN) return `the gateway's core was ${percent(gatewayCore)} busy`
  if (loadCore > LOAD_BUSY_MAX) return `the load's core was ${percent(loadCore)} busy`
  if (gatewayCore - gateway > FOREIGN_MAX)
    return `others took ${percent(gatewayCore - gateway)} of the gateway's core`
  return undefined
}

/** User and system time of a process, in ticks. Its name, in brackets, may hold spaces. */
export function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function coresOf(stat: string): Reading['cores'] {
  return stat
    .split('\n')
    .filter(line => /^cpu\d/.test(line))
    .map(line => {
      const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0, steal = 0] = line
        .split(/ +/)
        .slice(1)
        .map(Number)
      const busy = user + nice + system + irq + softirq + steal
      return { busy, all: busy + idle + wait }
    })
}
