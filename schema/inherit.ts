import {
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  type ObjectTypeDefinitionNode,
  type StringValueNode,
} from 'graphql'
import { namedType } from './nodes.ts'

/**
 * Fills in the descriptions that the SDLs leave to be said once: a field's of an implementing type from its interface,
 * and that of an argument called `input` from its input type. What is written by hand stays.
 */
export function inheritDescriptions(document: DocumentNode): DocumentNode {
  const ofInterface = new Map<string, ReadonlyMap<string, StringValueNode>>()
  const ofInput = new Map<string, StringValueNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.INTERFACE_TYPE_DEFINITION) {
      ofInterface.set(
        definition.name.value,
        new Map(
          definition.fields?.flatMap(field =>
            field.description === undefined ? [] : [[field.name.value, field.description] as const],
          ),
        ),
      )
    } else if (
      definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION &&
      definition.description !== undefined
    ) {
      ofInput.set(definition.name.value, definition.description)
    }
  }

  const describedArgument = (argument: InputValueDefinitionNode): InputValueDefinitionNode => {
    const description =
      argument.description ??
      (argument.name.value === 'input' ? ofInput.get(namedType(argument.type)) : undefined)
    return description === undefined ? argument : { ...argument, description }
  }
  const describedField = (
    type: ObjectTypeDefinitionNode,
    field: FieldDefinitionNode,
  ): FieldDefinitionNode => {
    const description =
      field.description ??
      type.interfaces
        ?.map(parent => ofInterface.get(parent.name.value)?.get(field.name.value))
        .find(inherited => inherited !== undefined)
    return {
      ...field,
      ...(description === undefined ? {} : { description }),
      ...(field.arguments === undefined ? {} : { arguments: field.arguments.map(describedArgument) }),
    }
  }
  return {
    ...document,
    definitions: document.definitions.map(definition =>
      definition.kind === Kind.OBJECT_TYPE_DEFINITION
        ? { ...definition, fields: definition.fields?.map(field => describedField(definition, field)) ?? [] }
        : definition,
    ),
  }
}
