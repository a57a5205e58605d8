import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Fault } from '../../protocol/fault.ts'
import type { OperationPlan, PlanElsewhere, PlanRequest } from './operation-plan.ts'
import type { Answer, PlanQuestion } from './plan-child.ts'
import { PlannerLost, type PlanProcess, startPlanProcess } from './plan-process.ts'
import { cannotPlanNow } from './planned-by.ts'

export interface PlanHostSettings {
  /** Requests that may wait; one more is refused. */
  readonly waitingMax: number
  /** Who has waited longer is refused, and waits for no turn: his client has gone. */
  readonly waitMsMax: number
  /** A plan that takes longer is given up. */
  readonly planMsMax: number
  /** A process is replaced after this many plans, and when it has grown by so much since its first one. */
  readonly plansMax: number
  readonly grownBytesMax: number
  /** Operations that are not tried again; the oldest goes first. */
  readonly deadlyMax: number
}

const DEFAULT_SETTINGS: PlanHostSettings = {
  waitingMax: 1_000,
  waitMsMax: 5_000,
  planMsMax: 5_000,
  plansMax: 100_000,
  grownBytesMax: 256 * 1024 * 1024,
  deadlyMax: 1_000,
}

/** A supergraph was loaded by the parent already; this only bounds the wait. */
const LOAD_MS_MAX = 30_000
/** Urgent requests that go in one message: about 10 ms of planning, for which one that is not urgent may wait. */
const TOGETHER_MAX = 8
/** Processes that are lost one after another before whoever is next is refused. */
const TRIES_MAX = 3
/**
 * Between processes lost one after another: the second one's successor starts after this time, each further one's after
 * twice as long. Short, since all wait for it: a start costs 0.3 s of a processor, which must not be all of it.
 */
const PAUSE_MS = 100
const PAUSE_MS_MAX = 1_000

/** An operation over which a process was lost. */
export interface PlannerDeath {
  /** SHA-256 of supergraph, text, shape and rollout, hex. */
  readonly operation: string
  /** How the process ended, and the end of what it wrote. */
  readonly reason: string
}

interface Job {
  readonly request: PlanRequest
  /** {@link PlannerDeath.operation} */
  readonly id: string
  readonly isUrgent: boolean
  readonly onDeath: (death: PlannerDeath) => void
  readonly outcome: PromiseWithResolvers<OperationPlan>
  /** Refuses it, while it waits for its turn. */
  timer: NodeJS.Timeout | undefined
  isRefused: boolean
}

/**
 * Plans in a process of its own, which the native planner may abort: trades 0.2 to 2 ms a text, by its
 * size, for a gateway that lives on. The first plan waits for the fork (0.3 to 0.6 s) and for the supergraph to be loaded
 * there (ours 0.1 to 0.3 s); the process takes 115 MB, as many after 20,000 plans. Measured on two busy cores over schema/supergraph.graphql and
 * the worlds of test/bench/gateway: a text compiled in 0.44, 1.0 and 4.0 ms takes 0.78, 1.2 and 6.2 ms so.
 *
 *   no process ── a request ──→ starting ──→ idle ⇄ loading a supergraph, planning
 *       ↑                          │                        │
 *       ├── lost: pause, again; refused (OVERLOADED) after three in a row ──┤ while loading
 *       ├── lost: this operation is refused, now and ever after (PLAN_FAILED) ┘ while planning
 *       └── idle: it has made its plans, or has grown
 *
 * One request is under way at a time, so that there is no doubt over which one a process was lost; the rest waits in
 * order. Urgent ones go together, and one at a time once a process was lost over some. The process never keeps this one from ending, but for a plan that is awaited.
 */
export class PlanHost {
  readonly #settings: PlanHostSettings
  readonly #waiting: Job[] = []
  readonly #urgent: Job[] = []
  readonly #deadly = new Set<string>()
  #isWorking = false
  #underWay = 0
  #process: PlanProcess | undefined
  #plansOfProcess = 0
  /** Of the process, after its first plan. */
  #rssBytes = 0
  #plans = 0
  #deaths = 0
  #starts = 0
  /** Since the last plan. */
  #deathsInRow = 0

  constructor(settings: Partial<PlanHostSettings> = {}) {
    this.#settings = { ...DEFAULT_SETTINGS, ...settings }
  }

  /**
   * @param onDeath told of each operation asked for through it that cost a process.
   * @param isUrgent goes before what waits and is never refused for it: who asks must ask for a few at a time. They go
   * together, and in between as many others.
   */
  planner(onDeath: (death: PlannerDeath) => void, isUrgent = false): PlanElsewhere {
    return request => this.#enqueue(request, onDeath, isUrgent)
  }

  /** Requests that were answered with a plan, or with why there is none. */
  get plans(): number {
    return this.#plans
  }

  /** Processes that ended by themselves or took too long. */
  get deaths(): number {
    return this.#deaths
  }

  /** Processes that took the place of another one. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1)
  }

  /** Requests without an answer yet, the one under way included. */
  get pending(): number {
    return this.#waiting.length + this.#urgent.length + this.#underWay
  }

  /** Of the process that plans, or is ready to. */
  get pid(): number | undefined {
    return this.#process?.isOver === false ? this.#process.pid : undefined
  }

  async #enqueue(request: PlanRequest, onDeath: Job['onDeath'], isUrgent: boolean): Promise<OperationPlan> {
    const id = idOf(request)
    if (this.#deadly.has(id)) throw refused('it cost a process before')
    const { waitingMax, waitMsMax } = this.#settings
    if (!isUrgent && this.#waiting.length >= waitingMax)
      throw cannotPlanNow(`expected at most ${waitingMax} operations to wait for a plan, got more`)
    const outcome = Promise.withResolvers<OperationPlan>()
    const job: Job = { request, id, isUrgent, onDeath, outcome, timer: undefined, isRefused: false }
    if (isUrgent) this.#urgent.push(job)
    else {
      this.#waiting.push(job)
      job.timer = setTimeout(() => this.#refuse(job), waitMsMax)
    }
    if (!this.#isWorking) void this.#work()
    return await outcome.promise
  }

  /** Nobody waits for it any more: it leaves its place to others. */
  #refuse(job: Job): void {
    job.isRefused = true
    const place = this.#waiting.indexOf(job)
    if (place >= 0) this.#waiting.splice(place, 1)
    job.outcome.reject(cannotPlanNow(`expected a turn within ${this.#settings.waitMsMax} ms, got none`))
  }

  /** Until nobody waits. */
  async #work(): Promise<void> {
    this.#isWorking = true
    this.#process?.holdParent(true)
    while (this.#urgent.length > 0 || this.#waiting.length > 0) {
      const urgent = this.#urgent.splice(0, TOGETHER_MAX)
      const others = this.#waiting.splice(0, Math.max(1, urgent.length))
      this.#underWay = urgent.length + others.length
      if (urgent.length > 1 && (await this.#planTogether(urgent))) this.#underWay -= urgent.length
      else others.unshift(...urgent)
      for (const job of others) {
        clearTimeout(job.timer)
        try {
          if (!job.isRefused) job.outcome.resolve(await this.#planned(job))
        } catch (error) {
          job.outcome.reject(error)
        }
        this.#underWay--
      }
    }
    this.#process?.holdParent(false)
    this.#isWorking = false
  }

  /**
   * All of one supergraph, in one message each way: a message costs as much as a plan. False when they have to be asked
   * for one by one: over which of them a process was lost would be in doubt.
   */
  async #planTogether(jobs: readonly Job[]): Promise<boolean> {
    const [{ request: first }] = jobs as readonly [Job]
    if (
      jobs.some(
        ({ request, id }) => request.supergraph.hash !== first.supergraph.hash || this.#deadly.has(id),
      )
    )
      return false
    const questions = jobs.map(({ request }) => questionOf(request))
    try {
      const process = await this.#ready()
      let answer = await process.ask({ kind: 'plans', questions }, this.#settings.planMsMax)
      if (answer.kind === 'plans' && answer.answers[0]?.kind === 'unknown') {
        const loaded = await process.ask({ kind: 'load', sdl: first.supergraph.sdl }, LOAD_MS_MAX)
        if (loaded.kind !== 'loaded') return false
        answer = await process.ask({ kind: 'plans', questions }, this.#settings.planMsMax)
      }
      if (answer.kind !== 'plans') return false
      for (const [i, { outcome }] of jobs.entries())
        try {
          outcome.resolve(this.#read(answer.answers[i]!))
        } catch (error) {
          outcome.reject(error)
        }
      return true
    } catch (error) {
      if (!(error instanceof PlannerLost)) throw error
      this.#lost()
      return false
    }
  }

  async #planned(job: Job): Promise<OperationPlan> {
    // The same one may have waited behind itself.
    if (this.#deadly.has(job.id)) throw refused('it cost a process before')
    const { planMsMax } = this.#settings
    for (let tries = 1; ; tries++) {
      let asked = false
      try {
        const process = await this.#ready()
        const { supergraph } = job.request
        const ask = (): Promise<Answer> => {
          asked = true
          return process.ask(questionOf(job.request), planMsMax)
        }
        let answer = await ask()
        if (answer.kind === 'unknown') {
          asked = false
          answer = await process.ask({ kind: 'load', sdl: supergraph.sdl }, LOAD_MS_MAX)
          if (answer.kind === 'loaded') answer = await ask()
        }
        return this.#read(answer)
      } catch (error) {
        if (!(error instanceof PlannerLost)) throw error
        this.#lost()
        if (asked) throw this.#blame(job, error)
        if (tries >= TRIES_MAX) throw cannotPlanNow(error.message)
      }
    }
  }

  #read(answer: Answer): OperationPlan {
    this.#deathsInRow = 0
    if (answer.kind !== 'planned' && answer.kind !== 'fault')
      throw new Error(`Expected a plan, got ${answer.kind === 'error' ? answer.message : answer.kind}`)
    this.#plans++
    this.#plansOfProcess++
    if (this.#plansOfProcess === 1) this.#rssBytes = answer.rssBytes
    const { plansMax, grownBytesMax } = this.#settings
    if (this.#plansOfProcess >= plansMax || answer.rssBytes - this.#rssBytes > grownBytesMax) this.#leave()
    if (answer.kind === 'fault') throw new Fault(answer.code, answer.message)
    return answer.plan
  }

  async #ready(): Promise<PlanProcess> {
    if (this.#process?.isOver) this.#lost()
    if (this.#process === undefined) {
      if (this.#deathsInRow > 1) await delay(Math.min(PAUSE_MS * 2 ** (this.#deathsInRow - 2), PAUSE_MS_MAX))
      this.#process = startPlanProcess()
      this.#starts++
      this.#plansOfProcess = 0
    }
    await this.#process.ready
    return this.#process
  }

  /** Without a process the next request starts one. */
  #leave(): void {
    this.#process?.kill()
    this.#process?.holdParent(false)
    this.#process = undefined
  }

  #lost(): void {
    this.#deaths++
    this.#deathsInRow++
    this.#leave()
  }

  #blame({ id, onDeath }: Job, { message, isLate }: PlannerLost): Fault {
    this.#deadly.add(id)
    for (const oldest of this.#deadly)
      if (this.#deadly.size > this.#settings.deadlyMax) this.#deadly.delete(oldest)
    onDeath({ operation: id, reason: message })
    return refused(
      isLate
        ? `expected a plan within ${this.#settings.planMsMax} ms, got none`
        : 'the planner fails over it',
    )
  }
}

/** The one that all gateways of this process share. */
export const planHost: PlanHost = new PlanHost()

function questionOf({ supergraph, text, shape, rollout }: PlanRequest): PlanQuestion {
  const { labels, percentage } = rollout
  return { kind: 'plan', hash: supergraph.hash, text, shape, labels: [...labels], percentage }
}

function idOf({ supergraph, text, shape, rollout }: PlanRequest): string {
  const rest = [supergraph.hash, shape, rollout.percentage, [...rollout.labels].sort()]
  return createHash('sha256').update(JSON.stringify(rest)).update(text).digest('hex')
}

function refused(why: string): Fault {
  return new Fault('PLAN_FAILED', `The operation cannot be planned over the subgraphs: ${why}`)
}
