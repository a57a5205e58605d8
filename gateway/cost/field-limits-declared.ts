import { type ConstValueNode, Kind, parse, print } from 'graphql'
import { linksOf } from '../supergraph/links.ts'

/** A `@costLimit` as it is written; what is missing or of another kind stands for itself, to be named in an error. */
export interface DeclaredLimit {
  readonly typename: string
  readonly field: string
  /** Its coordinate and text, for errors. */
  readonly where: string
  /** NaN when it is no number. */
  readonly perSecond: number
  readonly burst: number
  readonly per: string
  readonly over: string
  readonly by: string | undefined
  readonly status: string | undefined
}

const SPEC = 'https://spillway.dev/costLimit'

/** Every application of `@costLimit` in a supergraph, under whichever name it is linked. */
export function declaredLimits(sdl: string): readonly DeclaredLimit[] {
  // Most supergraphs have none, and a large one takes long to parse.
  if (!sdl.includes(SPEC)) return []
  const supergraph = parse(sdl, { noLocation: true })
  const directiveName = linksOf(supergraph).directiveOf(SPEC, 'costLimit')
  const declared: DeclaredLimit[] = []
  for (const definition of supergraph.definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION && definition.kind !== Kind.INTERFACE_TYPE_DEFINITION)
      continue
    const typename = definition.name.value
    for (const { name, directives } of definition.fields ?? [])
      for (const directive of directives ?? []) {
        if (directive.name.value !== directiveName) continue
        const given = new Map(directive.arguments?.map(argument => [argument.name.value, argument.value]))
        declared.push({
          typename,
          field: name.value,
          where: `${typename}.${name.value} ${print(directive)}`,
          perSecond: numberOf(given.get('perSecond')),
          burst: numberOf(given.get('burst')),
          per: wordOf(given.get('per')) ?? 'FLEET',
          over: wordOf(given.get('over')) ?? 'REFUSE',
          by: wordOf(given.get('by')),
          status: wordOf(given.get('status')),
        })
      }
  }
  return declared
}

const numberOf = (value: ConstValueNode | undefined): number =>
  value?.kind === Kind.INT || value?.kind === Kind.FLOAT ? Number(value.value) : Number.NaN

function wordOf(value: ConstValueNode | undefined): string | undefined {
  if (value === undefined || value.kind === Kind.NULL) return undefined
  return value.kind === Kind.STRING || value.kind === Kind.ENUM ? value.value : print(value)
}
