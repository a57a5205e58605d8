import { codegen } from '@graphql-codegen/core'
import * as typescript from '@graphql-codegen/typescript'
import { buildASTSchema, type DefinitionNode, type DocumentNode, Kind, visit } from 'graphql'
import { type GeneratedFile, generate } from './generate.ts'
import { parseGraphql, readSubgraphs } from './sources.ts'

/**
 * TypeScript types of a subgraph's arguments, inputs, outputs and enums, for its resolvers; what Federation adds is left
 * out. Deterministic.
 */
export async function subgraphTypes(typeDefs: string, filename: string): Promise<string> {
  const schema = plainSchema(parseGraphql(filename, typeDefs).document)
  const text = await codegen({
    filename,
    documents: [],
    schema,
    schemaAst: buildASTSchema(schema),
    config: {
      enumsAsTypes: true,
      skipTypename: true,
      useTypeImports: true,
      immutableTypes: true,
      scalars: { ID: 'string', Fen: 'number', DateTime: 'Date' },
    },
    plugins: [{ typescript: {} }],
    pluginMap: { typescript },
  })
  return `// Generated from schema.graphql by \`npm run schema\`. Do not edit.\n${text.replace(/\n{3,}/g, '\n\n').trimEnd()}\n`
}

/** The types alone: no links, no directives, nothing that a linked spec named. */
function plainSchema(document: DocumentNode): DocumentNode {
  const isOurs = (definition: DefinitionNode): boolean =>
    definition.kind.endsWith('TypeDefinition') &&
    'name' in definition &&
    !(definition.name?.value.includes('__') ?? true)
  return visit(
    { ...document, definitions: document.definitions.filter(isOurs) },
    { [Kind.DIRECTIVE]: node => (node.name.value === 'deprecated' ? undefined : null) },
  )
}

/** Every subgraph's `schema.generated.ts` as its SDL is now. @throws SourceError */
export function typesFiles(): Promise<GeneratedFile[]> {
  return Promise.all(
    readSubgraphs().map(async ({ name, path, text }) => ({
      path: `subgraphs/${name}/schema.generated.ts`,
      text: await subgraphTypes(text, path),
    })),
  )
}

if (import.meta.main) {
  process.exitCode = await generate({
    help: 'node schema/codegen.ts [--check]\n\nWrites subgraphs/<name>/schema.generated.ts, the TypeScript types of each subgraph.',
    argv: process.argv.slice(2),
    make: typesFiles,
  })
}
