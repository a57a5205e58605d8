import {
  type FieldNode,
  type GraphQLCompositeType,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import type { TypeFacts } from '../supergraph/type-facts.ts'
import { compileLeaf } from './leaf.ts'
import type { IsRefused } from './permitted.ts'
import { internalKey } from './response-key.ts'
import { isSubType, type SelectFields } from './selected-fields.ts'
import type { Data } from './tree.ts'

/**
 * The client's response as JSON text, straight from the gateway's data: what `Projection.project` and `JSON.stringify`
 * would give. Undefined when the data is not what the API schema promises, so that a null has to travel or an error to
 * be told: that is the projection's work.
 */
export type Write = (data: Data, introspection: Data | undefined) => string | undefined

/** Thrown by generated code; never leaves this file. */
const UNFIT: unique symbol = Symbol('not what the API schema promises')

type WriteObject = (source: Data, introspection?: Data) => string

/**
 * Compiles the writer of one shape of an operation into JavaScript text: each place of the response has code of its own,
 * reads its properties by name and knows its types. For an answer of 89 KB and 6,000 fields this takes 0.6 of the time of
 * building the response out of closures and stringifying it. Of that, copying the text is most: pieces joined at the end
 * and characters put into a buffer were no faster.
 *
 * Text only ever enters the generated code through `JSON.stringify` or as a GraphQL name.
 *
 * @param isRefused fields that are null whatever the data has.
 */
export function compileWrite(
  schema: GraphQLSchema,
  types: TypeFacts,
  operation: OperationDefinitionNode,
  selectFields: SelectFields,
  isRefused?: IsRefused,
): Write {
  const rootType = schema.getRootType(operation.operation) as GraphQLObjectType
  const write = compileUnit(rootType, [operation.selectionSet])
  return (data, introspection) => {
    try {
      return write(data, introspection)
    } catch (reason) {
      if (reason === UNFIT) return undefined
      throw reason
    }
  }

  /** A function for one type at one place, with all that stands below it up to the next abstract type. */
  function compileUnit(type: GraphQLCompositeType, sets: readonly SelectionSetNode[]): WriteObject {
    const functions: string[] = []
    /** What generated code refers to as k0, k1 …: writers of abstract places, tables of enums. */
    const constants: unknown[] = []
    const constant = (value: unknown): string => `k${constants.push(value) - 1}`
    const root = objectFunction(type, sets)
    const names = constants.map((_, i) => `k${i}`)
    const body = `'use strict';${functions.join('\n')}\nreturn ${root}`
    return new Function('rt', ...names, body)(RUNTIME, ...constants)

    function objectFunction(of: GraphQLCompositeType, under: readonly SelectionSetNode[]): string {
      const name = `f${functions.push('') - 1}`
      let code = `function ${name}(s,introspection){if(typeof s!=='object'||Array.isArray(s))rt.unfit();let v;let out='{'\n`
      let separator = ''
      for (const [responseKey, nodes] of selectFields(of, under)) {
        const value = fieldValue(of, responseKey, nodes)
        if (value === undefined) continue
        code += `${value.read}out+=${JSON.stringify(`${separator}${JSON.stringify(responseKey)}:`)}+(${value.write})\n`
        separator = ','
      }
      functions[Number(name.slice(1))] = `${code}return out+'}'}`
      return name
    }

    /** Code that sets `v`, and an expression over it. */
    function fieldValue(
      of: GraphQLCompositeType,
      responseKey: string,
      nodes: readonly FieldNode[],
    ): { read: string; write: string } | undefined {
      const name = nodes[0]!.name.value
      if (name === '__typename') {
        const known = JSON.stringify(JSON.stringify(of.name))
        if (!isAbstractType(of)) return { read: '', write: known }
        return { read: 'v=s.__typename;', write: `v==null?${known}:rt.any(v)` }
      }
      if (name === '__schema' || name === '__type')
        return {
          read: `v=introspection?.[${JSON.stringify(responseKey)}];`,
          write: `v==null?'null':rt.any(v)`,
        }
      const definition = 'getFields' in of ? of.getFields()[name] : undefined
      if (!definition) return undefined
      if (isRefused?.(of, nodes))
        return { read: '', write: isNonNullType(definition.type) ? 'rt.unfit()' : `'null'` }
      const sets = nodes.flatMap(node => node.selectionSet ?? [])
      return {
        read: `v=s[${JSON.stringify(internalKey(responseKey, name, types))}];`,
        write: valueExpression(definition.type, sets),
      }
    }

    function valueExpression(of: GraphQLOutputType, under: readonly SelectionSetNode[]): string {
      if (isNonNullType(of)) return `v==null?rt.unfit():${presentExpression(of.ofType, under)}`
      return `v==null?'null':${presentExpression(of, under)}`
    }

    function presentExpression(of: GraphQLOutputType, under: readonly SelectionSetNode[]): string {
      if (isListType(of)) return `${listFunction(of.ofType, under)}(v)`
      if (isLeafType(of)) return leafExpression(of)
      if (!isCompositeType(of)) throw new Error(`Expected an output type, got ${String(of)}`)
      return isAbstractType(of)
        ? `${constant(compileAbstract(of, under))}(v)`
        : `${objectFunction(of, under)}(v)`
    }

    function listFunction(item: GraphQLOutputType, under: readonly SelectionSetNode[]): string {
      const name = `f${functions.push('') - 1}`
      functions[Number(name.slice(1))] =
        `function ${name}(list){if(!Array.isArray(list))rt.unfit();let out='[';for(let i=0;i<list.length;i++){const v=list[i];if(i>0)out+=',';out+=(${valueExpression(item, under)})}return out+']'}`
      return name
    }

    function leafExpression(leaf: GraphQLLeafType): string {
      if (isEnumType(leaf)) {
        const texts = new Map(leaf.getValues().map(value => [value.name, JSON.stringify(value.name)]))
        return `(${constant(texts)}.get(v)??rt.unfit())`
      }
      if (leaf.name === 'Boolean') return `(v===true?'true':v===false?'false':rt.unfit())`
      if (leaf.name === 'String') return `(typeof v==='string'?rt.text(v):rt.unfit())`
      const { read } = compileLeaf(leaf)
      return `rt.leaf(${constant(read)},v)`
    }
  }

  /** One unit a runtime type, compiled when the type is first seen; their number is bounded by the schema's. */
  function compileAbstract(type: GraphQLCompositeType, sets: readonly SelectionSetNode[]): WriteObject {
    const units = new Map<string, WriteObject>()
    return source => {
      if (typeof source !== 'object') throw UNFIT
      const typename = typeof source.__typename === 'string' ? source.__typename : type.name
      let unit = units.get(typename)
      if (!unit) {
        const runtime = typename === type.name ? type : schema.getType(typename)
        if (!isCompositeType(runtime) || (runtime !== type && !isSubType(schema, type.name, runtime)))
          throw UNFIT
        unit = compileUnit(runtime, sets)
        units.set(typename, unit)
      }
      return unit(source)
    }
  }
}

/** Longer strings are quicker to hand to the engine than to look through here. */
const OWN_TEXT_CHARS_MAX = 64

/** What generated code calls. */
const RUNTIME = {
  unfit(): never {
    throw UNFIT
  },

  any: (value: unknown): string => JSON.stringify(value) ?? 'null',

  text(value: string): string {
    if (value.length > OWN_TEXT_CHARS_MAX) return JSON.stringify(value)
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      // Control characters, quotes, backslashes, and halves of surrogate pairs, which must not stand alone.
      if (code < 0x20 || code === 0x22 || code === 0x5c || (code >= 0xd800 && code <= 0xdfff))
        return JSON.stringify(value)
    }
    return `"${value}"`
  },

  leaf(read: (value: unknown) => unknown, value: unknown): string {
    const taken = read(value)
    if (taken === undefined) throw UNFIT
    return typeof taken === 'string'
      ? RUNTIME.text(taken)
      : typeof taken === 'number' && Number.isFinite(taken)
        ? String(taken)
        : (JSON.stringify(taken) ?? 'null')
  },
}
