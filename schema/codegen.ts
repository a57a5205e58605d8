import { buildSubgraphSchema, printSubgraphSchema } from '@apollo/subgraph'
import { codegen } from '@graphql-codegen/core'
import * as typescript from '@graphql-codegen/typescript'
import { parse } from 'graphql'

/** TypeScript types of a subgraph's arguments, inputs and enums, for its resolvers. Deterministic. */
export async function subgraphTypes(typeDefs: string, filename: string): Promise<string> {
  const schema = buildSubgraphSchema(parse(typeDefs))
  const text = await codegen({
    filename,
    documents: [],
    schema: parse(printSubgraphSchema(schema)),
    schemaAst: schema,
    config: {
      enumsAsTypes: true,
      skipTypename: true,
      useTypeImports: true,
      immutableTypes: true,
      scalars: {
        ID: 'string',
        Fen: 'number',
        DateTime: 'Date',
        _Any: 'unknown',
        federation__FieldSet: 'string',
      },
    },
    plugins: [{ typescript: {} }],
    pluginMap: { typescript },
  })
  return `// Generated from schema.graphql by \`npm run schema\`. Do not edit.\n${text}`
}
