import { operationFromDocument, Supergraph } from '@apollo/federation-internals'
import { QueryPlanner } from '@apollo/query-planner'
import { parse } from 'graphql'
import { answerParent } from '../gateway/program.ts'
import { timed } from '../gateway/timed.ts'

/** What Apollo's planner takes for a text that was never seen, from the parsed document on. */
const { supergraphSdl, query, times } = JSON.parse(process.argv[2])

const supergraph = Supergraph.build(supergraphSdl)
const schema = supergraph.apiSchema()
const planner = new QueryPlanner(supergraph)
const document = parse(query, { noLocation: true })
const plan = () => planner.buildQueryPlan(operationFromDocument(schema, document))
answerParent({ plan: timed(times, plan) })
