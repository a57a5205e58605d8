import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type DocumentNode, GraphQLError, parse, Source } from 'graphql'
import { ROOT, SourceError } from './generate.ts'

/** A GraphQL file and what it says. Nodes remember their line; `path` is relative to the repository's folder. */
export interface GraphqlFile {
  readonly path: string
  readonly text: string
  readonly document: DocumentNode
}

export interface SubgraphSource extends GraphqlFile {
  /** The subgraph's name: that of its folder. */
  readonly name: string
}

/** Every folder of `subgraphs/` with a schema.graphql, by name. @throws SourceError on a syntax error. */
export function readSubgraphs(root: string = ROOT): SubgraphSource[] {
  return readdirSync(join(root, 'subgraphs'))
    .sort()
    .filter(name => existsSync(join(root, 'subgraphs', name, 'schema.graphql')))
    .map(name => ({ name, ...readGraphql(root, `subgraphs/${name}/schema.graphql`) }))
}

/** Every file of `schema/operations/`, by name. @throws SourceError on a syntax error. */
export function readOperations(root: string = ROOT): GraphqlFile[] {
  return readdirSync(join(root, 'schema/operations'))
    .sort()
    .filter(name => name.endsWith('.graphql'))
    .map(name => readGraphql(root, `schema/operations/${name}`))
}

/** @throws SourceError on a syntax error. */
export function parseGraphql(path: string, text: string): GraphqlFile {
  try {
    return { path, text, document: parse(new Source(text, path)) }
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error
    throw new SourceError([`${at(path, error)} GRAPHQL_PARSE_FAILED ${error.message}`])
  }
}

/** `path:line` of an error, or just the path when it has no place. */
export function at(path: string, error: GraphQLError): string {
  const line = error.locations?.[0]?.line
  return line === undefined ? path : `${path}:${line}`
}

function readGraphql(root: string, path: string): GraphqlFile {
  return parseGraphql(path, readFileSync(join(root, path), 'utf8'))
}
