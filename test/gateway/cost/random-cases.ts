import fc from 'fast-check'
import {
  buildASTSchema,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql'
import { Choices } from './choices.ts'
import { randomRequest } from './random-request.ts'
import { randomSchema } from './random-schema.ts'

/** A request, with what its schema and it were made of. */
export interface Case {
  readonly sdl: string
  readonly supergraph: { readonly sdl: string; readonly apiSchema: GraphQLSchema }
  readonly text: string
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  /** As given. */
  readonly raw: Readonly<Record<string, unknown>>
  /** Coerced. */
  readonly variables: Readonly<Record<string, unknown>>
  /** For what else is to be chosen. */
  readonly choices: Choices
}

const SEED = 20_260_217
const OPERATIONS = 5

/** The same every time. */
export function randomCases(schemas: number): readonly Case[] {
  return fc.sample(fc.integer(), { seed: SEED, numRuns: schemas }).flatMap(seed => {
    const choices = new Choices(seed)
    const supergraph = schemaOf(randomSchema(choices))
    return Array.from({ length: OPERATIONS }, () => {
      const request = randomRequest(supergraph.apiSchema, choices)
      const document = parse(request.text, { noLocation: true })
      const operation = operationIn(document)
      const { coerced, errors } = getVariableValues(
        supergraph.apiSchema,
        operation.variableDefinitions ?? [],
        request.variables,
      )
      if (errors !== undefined) throw new Error(`${request.text}\n${errors.join('\n')}`)
      return {
        sdl: supergraph.sdl,
        supergraph,
        text: request.text,
        document,
        operation,
        fragments: fragmentsIn(document),
        raw: request.variables,
        variables: coerced,
        choices,
      }
    })
  })
}

export const schemaOf = (sdl: string): Case['supergraph'] => ({
  sdl,
  apiSchema: buildASTSchema(parse(sdl, { noLocation: true }), { assumeValidSDL: true }),
})

export const operationIn = (document: DocumentNode): OperationDefinitionNode =>
  document.definitions.find(definition => definition.kind === Kind.OPERATION_DEFINITION)!

export const fragmentsIn = (document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> =>
  new Map(
    document.definitions.flatMap(definition =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition] as const] : [],
    ),
  )

/** Says of which case a check failed. */
export function everyCase(cases: readonly Case[], check: (one: Case) => void): void {
  for (const one of cases)
    try {
      check(one)
    } catch (error) {
      throw new Error(`${one.sdl}\n\n${one.text}\n${JSON.stringify(one.raw)}`, { cause: error })
    }
}
