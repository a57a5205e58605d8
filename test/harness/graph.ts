import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import { ROOT } from './processes.ts'

interface ManifestEntry {
  readonly id: string
  readonly name: string
  readonly body: string
}

const manifest: { readonly operations: readonly ManifestEntry[] } = JSON.parse(
  readFileSync(join(ROOT, 'schema/operations.json'), 'utf8'),
)

/** The persisted operation of this name. */
export function operation(name: string): ManifestEntry {
  const found = manifest.operations.find(entry => entry.name === name)
  if (found === undefined) throw new Error(`no persisted operation ${name}`)
  return found
}

/** A GraphQL answer with what HTTP said. `any`: tests read what they assert. */
export interface GraphAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  // biome-ignore lint/suspicious/noExplicitAny: an answer's shape is what the test is about to assert
  readonly body: any
}

/** One client of a gateway: `persisted` takes the express lane, `text` the Apollo door. */
export class Graph {
  readonly url: string
  readonly #token: string | undefined

  constructor(url: string, token?: string) {
    this.url = url
    this.#token = token
  }

  persisted(name: string, variables: object = {}): Promise<GraphAnswer> {
    return this.post({ documentId: `sha256:${operation(name).id}`, variables })
  }

  text(query: string, variables: object = {}): Promise<GraphAnswer> {
    return this.post({ query, variables })
  }

  async post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<GraphAnswer> {
    const answer = await request(`${this.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const text = await answer.body.text()
    return { status: answer.statusCode, headers: answer.headers, body: parsed(text) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
