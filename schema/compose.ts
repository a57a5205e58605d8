import { composeServices } from '@theguild/federation-composition'
import { type GraphQLError, print } from 'graphql'
import { printApiSchema } from '../gateway/supergraph/api-schema.ts'
import { checkConventions } from './check.ts'
import { type GeneratedFile, generate, SourceError } from './generate.ts'
import { inheritDescriptions } from './inherit.ts'
import { readSubgraphs, type SubgraphSource } from './sources.ts'

export interface Composition {
  /** The supergraph's SDL: every subgraph's part, as the planner needs it. */
  readonly supergraph: string
  /** What clients see of it. */
  readonly api: string
}

/**
 * Where docker compose runs a subgraph: its service's name and port. Anywhere else `SUBGRAPH_URL_<NAME>` overrides it
 * when the gateway starts.
 */
const PORTS: Readonly<Record<string, number>> = { campaign: 4001, catalog: 4002, coupon: 4003, payment: 4004 }

/** Composes the graph and holds it to our conventions. Deterministic. @throws SourceError naming what is wrong. */
export function composeGraph(subgraphs: readonly SubgraphSource[]): Composition {
  const result = composeServices(
    [...subgraphs]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, document }) => ({ name, typeDefs: document, url: urlOf(name) })),
  )
  if (result.errors !== undefined)
    throw new SourceError(result.errors.map(error => describeError(error, subgraphs)))
  const document = inheritDescriptions(result.supergraphDocumentNode)
  const supergraph = `${HEADER}${print(document)}\n`
  const api = `${HEADER}${printApiSchema(supergraph)}`
  const broken = checkConventions(subgraphs, document, api)
  if (broken.length > 0) throw new SourceError(broken)
  return { supergraph, api }
}

const HEADER = '# Generated from subgraphs/*/schema.graphql by `npm run schema`. Do not edit.\n'

function urlOf(name: string): string {
  const port = PORTS[name]
  if (port === undefined)
    throw new SourceError([`subgraphs/${name}/schema.graphql has no port in schema/compose.ts`])
  return `http://${name}:${port}/graphql`
}

/** The composer names subgraphs in its words, not where they are written. */
function describeError(error: GraphQLError, subgraphs: readonly SubgraphSource[]): string {
  const named = subgraphs.filter(({ name }) => new RegExp(`\\[${name}\\]|"${name}"`).test(error.message))
  const files = named.map(({ path }) => path).join(', ') || 'subgraphs/*/schema.graphql'
  return `${files} ${String(error.extensions.code ?? 'COMPOSITION_FAILED')} ${error.message}`
}

/** `schema/supergraph.graphql` and `schema/api.graphql` of the subgraphs as they are now. @throws SourceError */
export function schemaFiles(): GeneratedFile[] {
  const { supergraph, api } = composeGraph(readSubgraphs())
  return [
    { path: 'schema/supergraph.graphql', text: supergraph },
    { path: 'schema/api.graphql', text: api },
  ]
}

if (import.meta.main) {
  process.exitCode = await generate({
    help: 'node schema/compose.ts [--check]\n\nComposes subgraphs/*/schema.graphql into schema/supergraph.graphql and schema/api.graphql.',
    argv: process.argv.slice(2),
    make: schemaFiles,
  })
}
