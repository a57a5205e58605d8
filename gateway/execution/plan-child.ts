import { Worker } from 'node:worker_threads'
import { Kind, type OperationDefinitionNode, parse } from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import { loadSupergraph, type Supergraph } from '../supergraph/supergraph.ts'
import { conditionsOf } from './conditions.ts'
import { fragmentsOf } from './fragments.ts'
import { normalize } from './normalize.ts'
import { type OperationPlan, planOperation } from './operation-plan.ts'

/**
 * The program of the planner's own process (plan-process.ts starts it): it is told supergraphs, is asked for plans one
 * at a time, and ends with its parent. What the native planner aborts over takes this process and nothing else.
 */
export type Question =
  | { readonly kind: 'load'; readonly sdl: string }
  | PlanQuestion
  | { readonly kind: 'plans'; readonly questions: readonly PlanQuestion[] }

export interface PlanQuestion {
  readonly kind: 'plan'
  /** Of the supergraph; `unknown` is the answer when it is not, or no longer, loaded. */
  readonly hash: string
  /** One operation with its fragments, valid. */
  readonly text: string
  readonly shape: number
  readonly labels: readonly string[]
  readonly percentage: number
}

export type Answer =
  /** Once, unasked: questions may come. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'loaded' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'planned'; readonly plan: OperationPlan; readonly rssBytes: number }
  | { readonly kind: 'fault'; readonly code: string; readonly message: string; readonly rssBytes: number }
  /** One a question, in their order. */
  | { readonly kind: 'plans'; readonly answers: readonly Answer[] }
  /** A defect. */
  | { readonly kind: 'error'; readonly message: string }

/** The one that is served, its successor, and one that is made of a file that changes again. */
const SUPERGRAPHS_MAX = 3

/** By hash; least recently used first. */
const supergraphs = new Map<string, Supergraph>()

// A terminal's Ctrl-C, and whoever stops a whole group, means the parent: it finishes first.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.on('disconnect', () => process.exit())
process.on('message', (question: Question) => say(answer(question)))
endWithParent()
say({ kind: 'ready' })

function say(message: Answer): void {
  process.send?.(message)
}

function answer(question: Question): Answer {
  try {
    if (question.kind === 'load') {
      const supergraph = loadSupergraph(question.sdl)
      keep(supergraph)
      return { kind: 'loaded' }
    }
    if (question.kind === 'plans') return { kind: 'plans', answers: question.questions.map(answer) }
    const supergraph = supergraphs.get(question.hash)
    if (supergraph === undefined) return { kind: 'unknown' }
    keep(supergraph)
    return { kind: 'planned', plan: planOf(supergraph, question), rssBytes: process.memoryUsage.rss() }
  } catch (error) {
    if (error instanceof Fault)
      return {
        kind: 'fault',
        code: error.code,
        message: error.message,
        rssBytes: process.memoryUsage.rss(),
      }
    return { kind: 'error', message: (error as Error).stack ?? String(error) }
  }
}

function keep(supergraph: Supergraph): void {
  supergraphs.delete(supergraph.hash)
  supergraphs.set(supergraph.hash, supergraph)
  for (const hash of supergraphs.keys()) if (supergraphs.size > SUPERGRAPHS_MAX) supergraphs.delete(hash)
}

function planOf(supergraph: Supergraph, { text, shape, labels, percentage }: PlanQuestion): OperationPlan {
  const document = parse(text, { noLocation: true })
  const operation = document.definitions.find(
    (found): found is OperationDefinitionNode => found.kind === Kind.OPERATION_DEFINITION,
  )!
  const fragments = fragmentsOf(document)
  const conditions = conditionsOf(operation, fragments)
  const { apiSchema, types } = supergraph
  const normalized = normalize(apiSchema, types, operation, fragments, conditions, shape)
  return planOperation(supergraph, normalized, { labels: new Set(labels), percentage })
}

/** While this thread plans it does not hear that its parent is gone; one that never finished would run for ever. */
function endWithParent(): void {
  const watch = `const parent = process.ppid
    setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 1000)`
  new Worker(watch, { eval: true, execArgv: [], env: {} }).unref()
}
