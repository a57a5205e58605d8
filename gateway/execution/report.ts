import type { SelectionNode } from 'graphql'
import type { SubgraphAnswer } from '../../protocol/subgraph-client.ts'
import { clientPath, failureOf, subgraphError } from './errors.ts'
import type { FetchRewrite } from './plan.ts'
import { renamedKeys } from './rewrites.ts'
import type { Run } from './run.ts'
import type { Path } from './tree.ts'

/** Errors that one fetch may add, so that one failing fetch under a long list leaves room for others. */
export const FETCH_ERRORS_MAX = 20

/** How one fetch reports what went wrong, in terms of the client's response. */
export interface Report {
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

export function compileReport(
  service: string,
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
      const { message, extensions } = failureOf(reason, service)
      for (const place of places.slice(0, FETCH_ERRORS_MAX))
        run.errors.add(message, mapped(place), extensions)
    },
    answered(run, answer, pathsOf, everyPlace) {
      let left = FETCH_ERRORS_MAX
      for (const error of answer.errors ?? []) {
        if (left <= 0) return
        const { message, extensions, path } = subgraphError(error, service)
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
