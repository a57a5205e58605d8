import { readFileSync } from 'node:fs'
import { composeServices } from '@theguild/federation-composition'
import { parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { compilePlanCost, type PlanCostOptions } from '../../../gateway/cost/plan-cost.ts'
import { clientVariables } from '../../../gateway/execution/normalize.ts'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { loadSupergraph, type Supergraph } from '../../../gateway/supergraph/supergraph.ts'

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import:'

/** Parcels are the warehouse's; what they cost to ship is the carrier's, by weight and place. */
const SHIPPING = supergraphOf({
  warehouse: `${LINK} ["@key", "@cost", "@listSize"])
    type Query {
      parcels(first: Int = 5): [Parcel!]! @listSize(slicingArguments: ["first"])
      parcel(id: ID!): Parcel
    }
    type Mutation { pack(id: ID!): Parcel @cost(weight: 4) }
    type Parcel @key(fields: "id") { id: ID! grams: Int @cost(weight: 2) place: Place }
    type Place { code: String }`,
  carrier: `${LINK} ["@key", "@external", "@requires", "@cost", "@listSize"])
    type Parcel @key(fields: "id") {
      id: ID!
      grams: Int @external
      place: Place @external
      fen: Int @requires(fields: "grams place { code }") @cost(weight: 3)
      events(last: Int): [Event!]! @listSize(slicingArguments: ["last"])
    }
    type Place { code: String @external }
    type Event { at: String }`,
})

function supergraphOf(subgraphs: Readonly<Record<string, string>>): Supergraph {
  const { supergraphSdl, errors } = composeServices(
    Object.entries(subgraphs).map(([name, sdl]) => ({
      name,
      typeDefs: parse(sdl),
      url: `http://${name}.invalid`,
    })),
  )
  if (supergraphSdl === undefined) throw new Error((errors ?? []).map(({ message }) => message).join('\n'))
  return loadSupergraph(supergraphSdl)
}

async function planned(
  supergraph: Supergraph,
  text: string,
  variables: Record<string, unknown> = {},
  options: Partial<PlanCostOptions> = {},
): Promise<Record<string, number>> {
  const compiled = compileOperation(supergraph, parse(text))
  const plan = await compiled.plan(compiled.coerceVariables(variables))
  const cost = compilePlanCost(supergraph, plan, {
    listSizeDefault: 100,
    clientVariable: clientVariables(compiled.operation),
    ...options,
  })
  return Object.fromEntries(cost(compiled.coerceVariables(variables)))
}

describe('what a plan is estimated at', () => {
  it('is what each subgraph is asked for', async () => {
    // warehouse: 1 parcel
    expect(await planned(SHIPPING, '{ parcel(id: "1") { id } }')).toEqual({ warehouse: 1 })
  })

  it('counts a fetch of entities as a list of unknown size', async () => {
    // warehouse: 3 × (1 + nothing for keys) · carrier: 100 entities × (1 + 2 events × 1)
    expect(await planned(SHIPPING, '{ parcels(first: 3) { events(last: 2) { at } } }')).toEqual({
      warehouse: 3,
      carrier: 300,
    })
  })

  it('counts what @requires has to fetch', async () => {
    // warehouse: 1 parcel + grams 2 + its place 1 · carrier: 100 × (1 + fen 3)
    expect(await planned(SHIPPING, '{ parcel(id: "1") { fen } }')).toEqual({ warehouse: 4, carrier: 400 })
  })

  it('adds 10 to what changes something, once a fetch that does', async () => {
    // warehouse: 10 + pack 4 + grams 2 + place 1 · carrier: 100 × (1 + 3)
    expect(await planned(SHIPPING, 'mutation { pack(id: "1") { fen } }')).toEqual({
      warehouse: 17,
      carrier: 400,
    })
  })

  it('takes lists of unknown size as long as each subgraph is said to have them', async () => {
    expect(
      await planned(
        SHIPPING,
        '{ parcels(first: 3) { events(last: 2) { at } } }',
        {},
        { listSizes: { carrier: 10 } },
      ),
    ).toEqual({ warehouse: 3, carrier: 30 })
  })

  it('reads sizes from variables, under names that the planner uses itself too', async () => {
    const text =
      'query ($representations: Int, $toString: Int) { parcels(first: $representations) { events(last: $toString) { at } } }'
    // warehouse: 7 · carrier: 100 × (1 + 4)
    expect(await planned(SHIPPING, text, { representations: 7, toString: 4 })).toEqual({
      warehouse: 7,
      carrier: 500,
    })
    // Not given, the schema's own default of first is 5; events have none, and are as many as may be: 100 × (1 + 100)
    expect(await planned(SHIPPING, text, {})).toEqual({ warehouse: 5, carrier: 10_100 })
  })

  it('is empty for what no subgraph is asked', async () => {
    expect(await planned(SHIPPING, '{ __typename }')).toEqual({})
  })

  it('is worked out once where nothing depends on variables', async () => {
    const compiled = compileOperation(SHIPPING, parse('{ parcels { id } }'))
    const cost = compilePlanCost(SHIPPING, await compiled.plan({}), { listSizeDefault: 100 })
    expect(cost({})).toBe(cost({}))
  })

  it('counts the subgraphs of the shipped graph apart', async () => {
    const shipped = loadSupergraph(readFileSync('schema/supergraph.graphql', 'utf8'))
    const text = '{ campaign(id: "1") { nameZh issuance { limit } } }'
    // campaign: 1 · coupon: 100 campaigns × (1 + issuance 2)
    expect(await planned(shipped, text)).toEqual({ campaign: 1, coupon: 300 })
  })
})
