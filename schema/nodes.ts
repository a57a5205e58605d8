import { type ConstDirectiveNode, Kind, type TypeNode } from 'graphql'

/** The name beneath a type's list and non-null wrappers. */
export function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

/** The applications of the directive of this name, however often it is repeated. */
export function directivesOf(
  node: { readonly directives?: readonly ConstDirectiveNode[] | undefined },
  name: string,
): readonly ConstDirectiveNode[] {
  return node.directives?.filter(directive => directive.name.value === name) ?? []
}
