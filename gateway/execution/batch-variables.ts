import {
  type ArgumentNode,
  type FieldNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type VariableDefinitionNode,
} from 'graphql'
import type { BatchFetchNode } from './plan.ts'
import type { RepairedAlias } from './required-keys.ts'

export interface Batch {
  readonly node: BatchFetchNode
  readonly aliases: readonly RepairedAlias[]
}

/**
 * Aliases of a batch that send the same representations share a variable. Once their `requires` were repaired they may
 * differ; then the later alias gets a variable of its own.
 */
export function withOwnVariables(node: BatchFetchNode): Batch {
  const sent = new Map<string, string>()
  const renamed = new Map<string, string>()
  const aliases = node.entityBatch.aliases.map((alias: RepairedAlias, i): RepairedAlias => {
    const variable = alias.representationsVariableName
    const what = JSON.stringify([
      alias.paths,
      alias.requiresByPath ?? alias.requires,
      alias.inputRewrites ?? [],
    ])
    const known = sent.get(variable)
    if (known === undefined) sent.set(variable, what)
    if (known === undefined || known === what) return alias
    const own = `__batch_reps_own_${i}`
    renamed.set(alias.alias, own)
    return { ...alias, representationsVariableName: own }
  })
  return renamed.size === 0
    ? { node, aliases }
    : { node: { ...node, operation: rewritten(node.operation, renamed) }, aliases }
}

/** The operation with other variables for the representations of some of its root fields, by alias. */
function rewritten(text: string, renamed: ReadonlyMap<string, string>): string {
  const document = parse(text, { noLocation: true })
  const definitions = document.definitions.map(definition => {
    if (definition.kind !== Kind.OPERATION_DEFINITION) return definition
    const added: VariableDefinitionNode[] = []
    const selections = definition.selectionSet.selections.map(selection => {
      const own = selection.kind === Kind.FIELD ? renamed.get(selection.alias?.value ?? '') : undefined
      if (own === undefined || selection.kind !== Kind.FIELD) return selection
      const variable = { kind: Kind.VARIABLE, name: { kind: Kind.NAME, value: own } } as const
      const given = selection.arguments?.find(({ name }) => name.value === 'representations')?.value
      const shared = definition.variableDefinitions?.find(
        candidate => given?.kind === Kind.VARIABLE && candidate.variable.name.value === given.name.value,
      )
      if (!shared) throw new Error(`Expected ${print(selection)} to take its representations from a variable`)
      added.push({ ...shared, variable })
      const withOwn = (argument: ArgumentNode): ArgumentNode =>
        argument.name.value === 'representations' ? { ...argument, value: variable } : argument
      return { ...selection, arguments: (selection.arguments ?? []).map(withOwn) } satisfies FieldNode
    })
    return {
      ...definition,
      variableDefinitions: [...(definition.variableDefinitions ?? []), ...added],
      selectionSet: { ...definition.selectionSet, selections },
    } satisfies OperationDefinitionNode
  })
  return print({ ...document, definitions })
}
