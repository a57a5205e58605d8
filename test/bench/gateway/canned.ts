import { buildSubgraphSchema } from '@apollo/subgraph'
import { execute, type GraphQLSchema, parse } from 'graphql'
import type { WorldName, WorldSubgraph } from './worlds.ts'
import { WORLDS } from './worlds.ts'

type Variables = Readonly<Record<string, unknown>>

/** What stands for the id while an answer is recorded; not part of any value. */
const ID = '~ID~'

/** Answers kept a subgraph; then all are forgotten, so that a stream of new texts fills no memory. */
const KEPT_MAX = 10_000

/**
 * A subgraph whose answers are recorded from graphql-js and then played back, so that next to nothing of a measurement
 * is the subgraph's own work.
 */
export class CannedSubgraph {
  readonly name: string
  readonly #schema: GraphQLSchema
  readonly #takesId: boolean
  readonly #templates = new Map<string, readonly string[]>()
  readonly #answers = new Map<string, string>()

  constructor(world: WorldName, { name, sdl, resolvers }: WorldSubgraph) {
    this.name = name
    this.#takesId = WORLDS[world].takesId
    this.#schema = buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers }])
  }

  /**
   * The answer's members as JSON without the braces around them, `"data":{…}`, one character a byte of UTF-8; a promise only
   * while it is recorded.
   */
  answer(text: string, variables: Variables): string | Promise<string> {
    const id = this.#takesId ? idIn(variables) : undefined
    if (id === undefined) {
      const key = `${text} ${JSON.stringify(variables)}`
      return this.#answers.get(key) ?? this.#record(this.#answers, key, text, variables, answer => answer)
    }
    const template = this.#templates.get(text)
    if (template !== undefined) return template.join(id)
    const made = this.#record(this.#templates, text, text, withId(variables, ID), answer => answer.split(ID))
    return made.then(parts => parts.join(id))
  }

  async #record<Kept>(
    into: Map<string, Kept>,
    key: string,
    text: string,
    variables: Variables,
    keep: (answer: string) => Kept,
  ): Promise<Kept> {
    const answer = await execute({ schema: this.#schema, document: parse(text), variableValues: variables })
    const kept = keep(Buffer.from(JSON.stringify(answer).slice(1, -1)).toString('latin1'))
    if (into.size >= KEPT_MAX) into.clear()
    into.set(key, kept)
    return kept
  }
}

/** The one id that these variables hold, plain or in the only representation of a list. */
function idIn(variables: Variables): string | undefined {
  let found: string | undefined
  for (const name in variables) {
    const value = variables[name]
    const id = Array.isArray(value)
      ? value.length === 1
        ? (value[0] as { id?: unknown }).id
        : undefined
      : value
    if (typeof id !== 'string' || (found !== undefined && found !== id)) return undefined
    found = id
  }
  return found
}

function withId(variables: Variables, id: string): Variables {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(one => ({ ...one, id })) : id,
    ]),
  )
}
