import { Fault } from '../../protocol/fault.ts'
import type { SubgraphAnswer } from '../../protocol/subgraph-client.ts'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import { askRootOf, sendingOf } from './asked-of-cache.ts'
import { withOwnVariables } from './batch-variables.ts'
import { compileEntityField, type EntityField, type Gathered } from './entity-field.ts'
import { checked, compileFetch, type Fetch } from './fetch.ts'
import type { FetchCache, MissingEntities } from './fetch-cache.ts'
import type { NormalizedOperation } from './normalize.ts'
import type { BatchFetchNode, FetchNode, FlattenNodePathSegment } from './plan.ts'
import { compileReport, FETCH_ERRORS_MAX, type Report } from './report.ts'
import { compileRewrites } from './rewrites.ts'
import type { Run, Step } from './run.ts'
import { compileMerge, type Data, locate, type Path, type Spine } from './tree.ts'

/** A fetch from a subgraph's root fields. */
export function compileRootFetch(
  node: FetchNode,
  spine: Spine,
  operation: NormalizedOperation,
  types: TypeFacts,
): Step {
  const fetch = compileFetch(node, operation, types)
  const merge = compileMerge(spine, types)
  const rewrite = compileRewrites(node.outputRewrites, types)
  const report = compileReport(fetch.service, operation.selections, node.outputRewrites)
  const places = fetch.rootKeys.map(key => [key])
  return async run => {
    let answer: SubgraphAnswer
    try {
      answer =
        run.cache === undefined
          ? checked(await fetch.send(run, fetch.addVariables(run, {}), run.deadlineMs), fetch.service)
          : await askRootOf(run.cache, fetch, run)
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

/** A fetch of entities at one path. */
export function compileEntityFetch(
  node: FetchNode,
  path: readonly FlattenNodePathSegment[],
  spine: Spine,
  operation: NormalizedOperation,
  types: TypeFacts,
): Step {
  const fetch = compileFetch(node, operation, types)
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
    compileReport(fetch.service, operation.selections, node.outputRewrites),
    types,
  )
}

/** Several entity fetches of one subgraph in one request, an alias each. */
export function compileBatchFetch(
  planned: BatchFetchNode,
  spine: Spine,
  operation: NormalizedOperation,
  types: TypeFacts,
): Step {
  const { node, aliases } = withOwnVariables(planned)
  const fetch = compileFetch(node, operation, types)
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
    compileReport(fetch.service, operation.selections, rewrites),
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
  /** The first field that sends the same representations. */
  const sharedWith = fields.map(({ variable }) => fields.findIndex(other => other.variable === variable))
  const placesOf = (
    run: Run,
    gathered: Gathered,
    f: number,
    indexes: ReadonlySet<number> | undefined,
  ): Path[] => {
    const places: Path[] = []
    for (let p = 0; p < paths[f]!.length && places.length < FETCH_ERRORS_MAX; p++) {
      const located = locate(run.data, paths[f]![p]!, types)
      for (let i = 0; i < gathered.targets[p]!.length && places.length < FETCH_ERRORS_MAX; i++) {
        if (indexes !== undefined && !indexes.has(gathered.slots[p]![i]!)) continue
        const place = located.get(gathered.targets[p]![i]!)
        if (place) places.push(place)
      }
    }
    return places
  }
  /** @param missing by root key, of which representations; undefined: of all. */
  const everyPlace = (run: Run, all: readonly Gathered[], missing?: MissingEntities['indexes']): Path[] =>
    all.flatMap((gathered, f) => {
      const { key } = fields[f]!
      if (missing !== undefined && !missing.has(key)) return []
      const only = fetch.onlyFieldOf(key)
      return placesOf(run, gathered, f, missing?.get(key)).map(place =>
        only === undefined ? place : [...place, only],
      )
    })

  return run => {
    const gathered: Gathered[] = []
    let entities = 0
    const variables: Record<string, unknown> = {}
    for (let f = 0; f < fields.length; f++) {
      const same = sharedWith[f]!
      const own = same < f ? gathered[same]! : fields[f]!.gather(run)
      gathered.push(own)
      entities += own.representations.length
      variables[fields[f]!.variable] = own.representations
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
    return run.cache === undefined ? ask(run, gathered, variables) : askOf(run.cache, run, gathered)
  }

  async function ask(
    run: Run,
    gathered: readonly Gathered[],
    variables: Record<string, unknown>,
  ): Promise<void> {
    try {
      const answer = await fetch.send(run, fetch.addVariables(run, variables), run.deadlineMs)
      answered(run, gathered, checked(answer, fetch.service))
    } catch (reason) {
      report.failed(run, reason, everyPlace(run, gathered))
    }
  }

  async function askOf(cache: FetchCache, run: Run, gathered: readonly Gathered[]): Promise<void> {
    const lists = fields.map(({ key, variable }, f) => ({
      key,
      variable,
      representations: gathered[f]!.representations,
    }))
    try {
      const variables = fetch.addVariables(run, {})
      const { answer, missing } = await cache.entities(fetch, run, variables, lists, sendingOf(fetch, run))
      for (const { reason, indexes } of missing ?? [])
        report.failed(run, reason, everyPlace(run, gathered, indexes))
      answered(run, gathered, answer)
    } catch (reason) {
      report.failed(run, reason, everyPlace(run, gathered))
    }
  }

  function answered(run: Run, gathered: readonly Gathered[], answer: SubgraphAnswer): void {
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
  }

  /** `_entities.3.name` → every place at which representation 3 stands, with the rest of the path. */
  function placesOfError(run: Run, gathered: readonly Gathered[], path: Path): readonly Path[] {
    const [key, index, ...rest] = path
    const f = fields.findIndex(field => field.key === key)
    if (f < 0 || typeof index !== 'number') return []
    return placesOf(run, gathered[f]!, f, new Set([index])).map(place => [...place, ...rest])
  }
}
