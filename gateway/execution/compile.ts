import type { SelectionNode } from 'graphql'
import { Fault } from '../../protocol/fault.ts'
import type { SubgraphAnswer } from '../../protocol/subgraph-client.ts'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import { clientPath, failureOf, subgraphError } from './errors.ts'
import { compileFetch, type Fetch } from './fetch.ts'
import type { NormalizedOperation } from './normalize.ts'
import type {
  BatchFetchNode,
  FetchNode,
  FetchRewrite,
  FlattenNodePathSegment,
  PlanNode,
  QueryPlan,
  RequiresSelection,
} from './plan.ts'
import { compileRepresentations } from './representations.ts'
import { type RepairedAlias, withRequiredKeys } from './required-keys.ts'
import { compileRewrites, renamedKeys } from './rewrites.ts'
import type { Run, Step } from './run.ts'
import {
  addToSpine,
  compileMerge,
  compileWalk,
  type Data,
  emptySpine,
  locate,
  type Path,
  type Spine,
} from './tree.ts'

/** Errors that one fetch may add, so that one failing fetch under a long list leaves room for others. */
const FETCH_ERRORS_MAX = 20

export interface CompiledPlan {
  readonly step: Step
  /** Fetches that the plan makes at most. */
  readonly fetchCount: number
}

/** Turns a plan into closures, once; `execute` only calls them. */
export function compilePlan(
  planned: QueryPlan,
  operation: NormalizedOperation,
  types: TypeFacts,
): CompiledPlan {
  const plan = withRequiredKeys(planned, types)
  const spine = emptySpine()
  if (plan.node) growSpine(plan.node, spine)
  let fetchCount = 0

  function compileNode(node: PlanNode, path: readonly FlattenNodePathSegment[] | undefined): Step {
    switch (node.kind) {
      case 'Sequence':
        return inSequence(node.nodes.map(child => compileNode(child, path)))
      case 'Parallel':
        return inParallel(node.nodes.map(child => compileNode(child, path)))
      case 'Flatten':
        return compileNode(node.node, node.path)
      case 'Fetch':
        fetchCount++
        return path === undefined
          ? compileRootFetch(node, spine, operation, types)
          : compileEntityFetch(node, path, spine, operation, types)
      case 'BatchFetch':
        fetchCount++
        return compileBatchFetch(node, spine, operation, types)
      default:
        // Conditions are decided before planning, the others belong to operations that are refused.
        throw new Fault('PLAN_FAILED', `Expected fetches in the plan, got ${node.kind}`)
    }
  }
  const step: Step = plan.node ? compileNode(plan.node, undefined) : () => undefined
  return { step, fetchCount }
}

function growSpine(node: PlanNode, spine: Spine): void {
  if (node.kind === 'Sequence' || node.kind === 'Parallel')
    for (const child of node.nodes) growSpine(child, spine)
  else if (node.kind === 'Flatten') {
    addToSpine(spine, node.path)
    growSpine(node.node, spine)
  } else if (node.kind === 'BatchFetch')
    for (const alias of node.entityBatch.aliases) for (const path of alias.paths) addToSpine(spine, path)
}

function inSequence(steps: readonly Step[]): Step {
  if (steps.length === 1) return steps[0]!
  return async run => {
    for (const step of steps) await step(run)
  }
}

function inParallel(steps: readonly Step[]): Step {
  if (steps.length === 1) return steps[0]!
  return async run => {
    await Promise.all(steps.map(step => step(run)))
  }
}

function compileRootFetch(
  node: FetchNode,
  spine: Spine,
  operation: NormalizedOperation,
  types: TypeFacts,
): Step {
  const fetch = compileFetch(node, operation)
  const merge = compileMerge(spine, types)
  const rewrite = compileRewrites(node.outputRewrites, types)
  const report = compileReport(fetch, operation.selections, node.outputRewrites)
  const places = fetch.rootKeys.map(key => [key])
  return async run => {
    let answer: SubgraphAnswer
    try {
      answer = await fetch.send(run)
    } catch (reason) {
      return report.failed(run, reason, places)
    }
    if (answer.errors && answer.errors.length > 0)
      report.answered(
        run,
        answer,
        path => [path],
        () => places,
      )
    if (answer.data) merge(run.data, (rewrite ? rewrite(answer.data) : answer.data) as Data)
  }
}

/** One `_entities` field of a fetch: how its representations are made and where its answers go. */
interface EntityField {
  /** Its key in the answer, and the variable that carries its representations. */
  readonly key: string
  readonly variable: string
  readonly gather: (run: Run) => Gathered
  readonly scatter: (answer: unknown, gathered: Gathered, service: string) => void
}

interface Gathered {
  /** Objects to be written to, and the index of the representation that stands for each. */
  readonly targets: readonly (readonly Data[])[]
  readonly slots: readonly (readonly number[])[]
  readonly representations: readonly Data[]
}

function compileEntityField(
  field: { key: string; variable: string; paths: readonly (readonly FlattenNodePathSegment[])[] },
  requiresByPath: readonly (readonly RequiresSelection[])[],
  rewrites: { input: readonly FetchRewrite[] | undefined; output: readonly FetchRewrite[] | undefined },
  service: string,
  spine: Spine,
  types: TypeFacts,
): EntityField {
  const walks = field.paths.map(path => compileWalk(path, types))
  const merges = field.paths.map(path => compileMerge(addToSpine(spine, path), types))
  const compiled = requiresByPath.map(requires =>
    compileRepresentations(requires, rewrites.input, service, types),
  )
  // Paths of output rewrites begin at the fetch's data, as for a root fetch.
  const rewrite = compileRewrites(rewrites.output, types)
  return {
    key: field.key,
    variable: field.variable,
    gather(run) {
      const representations: Data[] = []
      const indexes = new Map<unknown, number>()
      const targets: Data[][] = []
      const slots: number[][] = []
      for (let p = 0; p < walks.length; p++) {
        const found: Data[] = []
        walks[p]!(run.data, found)
        const { represent, identify } = compiled[p]!
        const kept: Data[] = []
        const keptSlots: number[] = []
        for (let i = 0; i < found.length; i++) {
          const representation = represent(found[i]!)
          if (representation === undefined) continue
          const identity = identify(representation)
          let index = indexes.get(identity)
          if (index === undefined) {
            index = representations.push(representation) - 1
            indexes.set(identity, index)
          }
          kept.push(found[i]!)
          keptSlots.push(index)
        }
        targets.push(kept)
        slots.push(keptSlots)
      }
      return { targets, slots, representations }
    },
    scatter(answer, { targets, slots, representations }, service) {
      const rewritten = rewrite ? (rewrite({ [field.key]: answer }) as Data)[field.key] : answer
      if (!Array.isArray(rewritten) || rewritten.length !== representations.length)
        throw new Fault(
          'SUBGRAPH_BAD_ANSWER',
          `Subgraph "${service}" was asked for ${representations.length} entities and answered ${Array.isArray(rewritten) ? rewritten.length : 'no list'}`,
        )
      for (let p = 0; p < targets.length; p++) {
        const merge = merges[p]!
        const kept = targets[p]!
        const keptSlots = slots[p]!
        for (let i = 0; i < kept.length; i++) {
          const entity: unknown = rewritten[keptSlots[i]!]
          if (entity !== null && typeof entity === 'object') merge(kept[i]!, entity as Data)
        }
      }
    },
  }
}

function compileEntityFetch(
  node: FetchNode,
  path: readonly FlattenNodePathSegment[],
  spine: Spine,
  operation: NormalizedOperation,
  types: TypeFacts,
): Step {
  const fetch = compileFetch(node, operation)
  const field = compileEntityField(
    { key: '_entities', variable: 'representations', paths: [path] },
    [node.requires ?? []],
    { input: node.inputRewrites, output: node.outputRewrites },
    fetch.service,
    spine,
    types,
  )
  return entitiesStep(
    fetch,
    [field],
    [[path]],
    compileReport(fetch, operation.selections, node.outputRewrites),
    types,
  )
}

function compileBatchFetch(
  node: BatchFetchNode,
  spine: Spine,
  operation: NormalizedOperation,
  types: TypeFacts,
): Step {
  const fetch = compileFetch(node, operation)
  const aliases: readonly RepairedAlias[] = node.entityBatch.aliases
  const fields = aliases.map(alias =>
    compileEntityField(
      { key: alias.alias, variable: alias.representationsVariableName, paths: alias.paths },
      alias.requiresByPath ?? alias.paths.map(() => alias.requires),
      { input: alias.inputRewrites, output: alias.outputRewrites },
      fetch.service,
      spine,
      types,
    ),
  )
  const rewrites = aliases.flatMap(alias => alias.outputRewrites ?? [])
  return entitiesStep(
    fetch,
    fields,
    aliases.map(alias => alias.paths),
    compileReport(fetch, operation.selections, rewrites),
    types,
  )
}

function entitiesStep(
  fetch: Fetch,
  fields: readonly EntityField[],
  paths: readonly (readonly (readonly FlattenNodePathSegment[])[])[],
  report: Report,
  types: TypeFacts,
): Step {
  const placesOf = (run: Run, gathered: Gathered, f: number, index: number | undefined): Path[] => {
    const places: Path[] = []
    for (let p = 0; p < paths[f]!.length && places.length < FETCH_ERRORS_MAX; p++) {
      const located = locate(run.data, paths[f]![p]!, types)
      for (let i = 0; i < gathered.targets[p]!.length && places.length < FETCH_ERRORS_MAX; i++) {
        if (index !== undefined && gathered.slots[p]![i] !== index) continue
        const place = located.get(gathered.targets[p]![i]!)
        if (place) places.push(place)
      }
    }
    return places
  }
  const everyPlace = (run: Run, all: readonly Gathered[]): Path[] =>
    all.flatMap((gathered, f) => {
      const only = fetch.onlyFieldOf(fields[f]!.key)
      return placesOf(run, gathered, f, undefined).map(place =>
        only === undefined ? place : [...place, only],
      )
    })

  return run => {
    const gathered = fields.map(field => field.gather(run))
    let entities = 0
    const variables: Record<string, unknown> = {}
    for (let f = 0; f < fields.length; f++) {
      entities += gathered[f]!.representations.length
      variables[fields[f]!.variable] = gathered[f]!.representations
    }
    if (entities === 0) return undefined
    if (entities > run.entitiesMax) {
      const fault = new Fault(
        'OPERATION_TOO_LARGE',
        `Expected at most ${run.entitiesMax} entities in one fetch, got ${entities}`,
      )
      report.failed(run, fault, everyPlace(run, gathered))
      return undefined
    }
    return ask(run, gathered, variables)
  }

  async function ask(
    run: Run,
    gathered: readonly Gathered[],
    variables: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    try {
      const answer = await fetch.send(run, variables)
      if (answer.errors && answer.errors.length > 0)
        report.answered(
          run,
          answer,
          path => placesOfError(run, gathered, path),
          () => everyPlace(run, gathered),
        )
      const data = answer.data
      if (!data) return
      for (let f = 0; f < fields.length; f++) {
        const entities = data[fields[f]!.key]
        // The whole list is null when the subgraph failed over it, and has said why.
        if ((entities === null || entities === undefined) && (answer.errors ?? []).length > 0) continue
        fields[f]!.scatter(entities, gathered[f]!, fetch.service)
      }
    } catch (reason) {
      report.failed(run, reason, everyPlace(run, gathered))
    }
  }

  /** `_entities.3.name` → every place at which representation 3 stands, with the rest of the path. */
  function placesOfError(run: Run, gathered: readonly Gathered[], path: Path): readonly Path[] {
    const [key, index, ...rest] = path
    const f = fields.findIndex(field => field.key === key)
    if (f < 0 || typeof index !== 'number') return []
    return placesOf(run, gathered[f]!, f, index).map(place => [...place, ...rest])
  }
}

interface Report {
  /** No answer: one error a place. */
  failed(run: Run, reason: unknown, places: readonly Path[]): void
  /**
   * The errors of an answer, at the places that `pathsOf` finds for their paths. One that leads nowhere stands for
   * every place when there is no data, else for the response as a whole.
   */
  answered(
    run: Run,
    answer: SubgraphAnswer,
    pathsOf: (path: Path) => readonly Path[],
    everyPlace: () => readonly Path[],
  ): void
}

function compileReport(
  fetch: Fetch,
  selections: readonly SelectionNode[],
  outputRewrites: readonly FetchRewrite[] | undefined,
): Report {
  const renamed = renamedKeys(outputRewrites)
  const mapped = (path: Path): Path =>
    clientPath(
      renamed.size === 0 ? path : path.map(segment => renamed.get(segment as string) ?? segment),
      selections,
    )

  return {
    failed(run, reason, places) {
      const { message, extensions } = failureOf(reason, fetch.service)
      for (const place of places.slice(0, FETCH_ERRORS_MAX))
        run.errors.add(message, mapped(place), extensions)
    },
    answered(run, answer, pathsOf, everyPlace) {
      let left = FETCH_ERRORS_MAX
      for (const error of answer.errors ?? []) {
        if (left <= 0) return
        const { message, extensions, path } = subgraphError(error, fetch.service)
        let paths = pathsOf(path)
          .map(mapped)
          .filter(found => found.length > 0)
        if (paths.length === 0 && !answer.data) paths = everyPlace().map(mapped)
        if (paths.length === 0) paths = [[]]
        for (const found of paths.slice(0, left)) run.errors.add(message, found, extensions)
        left -= paths.length
      }
    },
  }
}
