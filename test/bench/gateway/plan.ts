import { type DocumentNode, parse } from 'graphql'
import { compileOperation } from '../../../gateway/execution/operation.ts'
import { loadSupergraph } from '../../../gateway/supergraph/supergraph.ts'
import { answerParent } from './program.ts'
import { compose } from './stand.ts'
import { timed } from './timed.ts'
import { WORLDS, type WorldName } from './worlds.ts'

/** What a text costs that was never seen: from the parsed document to closures that can be called, planning included. */
const { world: name, times } = JSON.parse(process.argv[2] as string) as { world: WorldName; times: number }

const world = WORLDS[name]
const supergraph = loadSupergraph(compose(world, {}))
const document: DocumentNode = parse(world.query, { noLocation: true })
answerParent({ plan: timed(times, () => compileOperation(supergraph, document)) })
