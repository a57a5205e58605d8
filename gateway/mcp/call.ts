import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'
import { Fault } from '../../protocol/fault.ts'
import { admit, type Incoming, nameOperation, refuse, run, type Stages } from '../pipeline.ts'
import { isNothing, type Outcome } from '../request.ts'
import { tokenArgumentOf, wrongArguments } from './arguments.ts'
import { placeIn, sentenceOf } from './sentences.ts'
import { isFor, toolsOf } from './tools.ts'

/** What a tool answers: one text, since some clients read nothing else. */
export interface ToolAnswer {
  // The protocol's type is open: other members may be added by its library.
  [member: string]: unknown
  content: [{ type: 'text'; text: string }]
  isError: boolean
}

/**
 * Calls a tool through the same pipeline as every door. The text is the whole GraphQL answer on one line, then one
 * sentence in Chinese and one in English. An answer that something went other than hoped (paused, sold out) is an answer,
 * and so is a kept place in whichever form; an error is one only when nothing of it came back. `undefined`: the client has
 * no such tool.
 */
export async function callTool(
  stages: Stages,
  name: string,
  args: Readonly<Record<string, unknown>>,
  incoming: Incoming,
): Promise<ToolAnswer | undefined> {
  const admitted = await admit(stages, incoming)
  if (admitted instanceof Fault) return answer(refuse(stages, admitted, { id: incoming.id }), ANONYMOUS)
  const tool = toolsOf(admitted.graph).get(name)
  if (tool === undefined || !isFor(incoming.clientName, tool)) return undefined
  const wrong = wrongArguments(tool.inputSchema, args)
  const variables = wrong === undefined ? tool.variablesOf(args) : undefined
  const state = await nameOperation(stages, admitted, tool.operation, variables)
  if (state instanceof Fault) return answer(refuse(stages, state, admitted), admitted.caller)
  if (wrong !== undefined) {
    return answer(refuse(stages, new Fault('BAD_INPUT', wrong), state), state.caller)
  }
  const outcome = await run(stages, state, tool.operation, variables)
  return answer(outcome, state.caller, tokenArgumentOf(tool.inputSchema))
}

/** The answer to a call that came to this. @param tokenArgument where the tool takes the token of a place. */
export function answer(outcome: Outcome, caller: Caller, tokenArgument?: string): ToolAnswer {
  const { zh, en } = sentenceOf(outcome, caller, tokenArgument)
  const isError = outcome.errors !== undefined && isNothing(outcome) && placeIn(outcome) === undefined
  return { content: [{ type: 'text', text: `${JSON.stringify(outcome)}\n${zh}\n${en}` }], isError }
}
