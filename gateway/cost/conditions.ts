import { type DirectiveNode, Kind } from 'graphql'
import { both, type Condition, readVariable, type Variables } from './terms.ts'

/**
 * What `@skip` and `@include` say of a selection. Without a value the variable of a condition removes nothing: such a
 * request is refused elsewhere.
 */
export function conditionOf(directives: readonly DirectiveNode[] | undefined): Condition {
  let condition: Condition = true
  for (const directive of directives ?? []) {
    const name = directive.name.value
    if (name !== 'skip' && name !== 'include') continue
    const removedBy = name === 'skip'
    const value = directive.arguments?.find(argument => argument.name.value === 'if')?.value
    if (value?.kind === Kind.BOOLEAN) condition = both(condition, value.value !== removedBy)
    if (value?.kind === Kind.VARIABLE) {
      const read = readVariable(value.name.value)
      condition = both(condition, (variables: Variables) => read(variables) !== removedBy)
    }
  }
  return condition
}
