import { parse, print } from 'graphql'
import { expect, test } from 'vitest'
import { withExternalFields } from '../../../gateway/supergraph/external-fields.ts'

const marked = (sdl: string): string => print(withExternalFields(parse(sdl)))
const fieldsOf = (sdl: string): string[] => marked(sdl).match(/(title|pages|id|long): .*/g) ?? []

const media = (fields: string): string => `
type Query @join__type(graph: A) @join__type(graph: B) { newest: Media @join__field(graph: B, provides: "pages") }
interface Media @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", isInterfaceObject: true) { ${fields} }`

test('what an interface object requires or provides is external to it and stays everybody else’s', () => {
  expect(
    fieldsOf(
      media(`id: ID!
        title: String
        pages: Int @join__field(graph: A) @join__field(graph: B)
        long: Boolean @join__field(graph: B, requires: "title id")`),
    ),
  ).toEqual([
    'id: ID!',
    'title: String @join__field(graph: A) @join__field(graph: B, external: true)',
    'pages: Int @join__field(graph: A) @join__field(graph: B, external: true)',
    'long: Boolean @join__field(graph: B, requires: "title id")',
  ])
})

test.each([
  [
    'everything is marked',
    media(`id: ID!
      title: String @join__field(graph: A) @join__field(graph: B, external: true)
      pages: Int @join__field(graph: A) @join__field(graph: B, external: true)
      long: Boolean @join__field(graph: B, requires: "title")`),
  ],
  [
    'the subgraph does not have the field',
    media(
      'id: ID!  title: String @join__field(graph: A)  pages: Int @join__field(graph: A)  long: Boolean @join__field(graph: B, requires: "title")',
    ),
  ],
  [
    'the interface is one everywhere',
    media('id: ID!  title: String  long: Boolean @join__field(graph: B, requires: "title")').replace(
      ', isInterfaceObject: true',
      '',
    ),
  ],
])('the document stays as it is when %s', (_, sdl) => {
  const document = parse(sdl)
  expect(withExternalFields(document)).toBe(document)
})
