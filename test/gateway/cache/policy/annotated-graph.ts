import { composeServices } from '@theguild/federation-composition'
import { type OperationDefinitionNode, parse } from 'graphql'
import type { FetchDescription } from '../../../../gateway/cache/policy/fetch-policy.ts'
import { authorizationOf } from '../../../../gateway/supergraph/authorization.ts'
import type { Supergraph } from '../../../../gateway/supergraph/supergraph.ts'

const HEADER = `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@external", "@requires", "@override",
      "@inaccessible", "@interfaceObject", "@composeDirective", "@authenticated", "@requiresScopes", "@policy"])
    @link(url: "https://spillway.dev/cacheControl/v1.0", import: ["@cacheControl"])
    @composeDirective(name: "@cacheControl")
  directive @cacheControl(maxAge: Int, scope: cacheControl__Scope) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
  enum cacheControl__Scope { PUBLIC PRIVATE }
`

/** A supergraph of subgraphs that may annotate with `@cacheControl`, by name and SDL: what policies need of it. */
export function annotated(
  subgraphs: Readonly<Record<string, string>>,
): Pick<Supergraph, 'sdl' | 'authorization'> {
  const composed = composeServices(
    Object.entries(subgraphs).map(([name, sdl]) => ({
      name,
      url: `http://${name}`,
      typeDefs: parse(HEADER + sdl),
    })),
  )
  if (composed.errors) throw new Error(composed.errors.map(({ message }) => message).join('\n'))
  const sdl = composed.supergraphSdl as string
  return { sdl, authorization: authorizationOf(parse(sdl)) }
}

/** A fetch of this text, as execution compiles it. */
export function fetchOf(operation: string, service = 'shop'): FetchDescription {
  const document = parse(operation, { noLocation: true })
  const [first] = document.definitions as readonly OperationDefinitionNode[]
  const kind = first!.operation === 'mutation' ? 'mutation' : 'query'
  return { service, kind, operation, document, scope: 'PUBLIC' }
}
