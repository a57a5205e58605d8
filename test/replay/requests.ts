import { readFileSync } from 'node:fs'
import type { Priority } from '../../protocol/priority.ts'

/** What somebody asks, an operation each. */
export const QUESTIONS = ['home', 'search', 'detail', 'claim', 'quote', 'place', 'pay', 'status'] as const
export type Question = (typeof QUESTIONS)[number]

const OPERATIONS: Readonly<Record<Question, string>> = {
  home: 'CampaignHome',
  search: 'SearchProducts',
  detail: 'ProductDetail',
  claim: 'ClaimCoupon',
  quote: 'QuoteOrder',
  place: 'PlaceOrder',
  pay: 'PayOrder',
  status: 'OrderStatus',
}

/** What is ordered. */
export interface Line {
  readonly sku: string
  readonly quantity: number
}

export interface RequestsOptions {
  readonly url: URL
  readonly campaignId: string
}

interface Manifest {
  readonly operations: readonly { readonly id: string; readonly name: string; readonly priority: Priority }[]
}

const MANIFEST = JSON.parse(
  readFileSync(new URL('../../schema/operations.json', import.meta.url), 'utf8'),
) as Manifest

/** The persisted operation's own, which the gateway may lower by who asks. */
export function priorityOf(question: Question): Priority {
  return entryOf(question).priority
}

/** Words that the catalog knows, and some of its products: browsers look at various things. */
const WORDS: readonly string[] = ['奶茶', 'coffee', '面包', 'tea', '水果', 'cake'].map(asciiJson)
const PRODUCTS: readonly string[] = [
  'pearl-milk-tea',
  'brown-sugar-pearl-milk-tea',
  'taro-ball-milk-tea',
].map(slug => `"product_${slug}"`)

/** Requests as they go over the wire: a persisted operation by its id, in ASCII. */
export class Requests {
  readonly #head: string
  readonly #before: Readonly<Record<Question, string>>
  readonly #campaignId: string

  constructor({ url, campaignId }: RequestsOptions) {
    this.#head = `POST /graphql HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\nauthorization: Bearer `
    this.#before = Object.fromEntries(
      QUESTIONS.map(question => [question, `{"documentId":"sha256:${entryOf(question).id}","variables":`]),
    ) as Record<Question, string>
    this.#campaignId = asciiJson(campaignId)
  }

  /** @param number chooses what is looked at. */
  browse(question: 'home' | 'search' | 'detail', token: string, number: number): string {
    if (question === 'home') return this.#write(question, token, `{"campaignId":${this.#campaignId}}`)
    if (question === 'search') {
      return this.#write(question, token, `{"query":${WORDS[number % WORDS.length]},"first":5}`)
    }
    return this.#write(question, token, `{"id":${PRODUCTS[number % PRODUCTS.length]}}`)
  }

  /** @param placeToken as it was told. */
  claim(token: string, placeToken: string | undefined): string {
    const shown = placeToken === undefined ? '' : `,"placeToken":${asciiJson(placeToken)}`
    return this.#write('claim', token, `{"input":{"campaignId":${this.#campaignId}${shown}}}`)
  }

  quote(token: string, { sku, quantity }: Line, couponId: string): string {
    const lines = `[{"sku":${asciiJson(sku)},"quantity":${quantity}}]`
    return this.#write('quote', token, `{"input":{"lines":${lines},"couponId":"${couponId}"}}`)
  }

  place(token: string, quoteId: string): string {
    return this.#write('place', token, `{"input":{"quoteId":${asciiJson(quoteId)}}}`)
  }

  pay(token: string, orderId: string): string {
    return this.#write('pay', token, `{"input":{"orderId":"${orderId}"}}`)
  }

  status(token: string, orderId: string): string {
    return this.#write('status', token, `{"id":"${orderId}"}`)
  }

  #write(question: Question, token: string, variables: string): string {
    const before = this.#before[question]
    const length = before.length + variables.length + 1
    return `${this.#head}${token}\r\ncontent-length: ${length}\r\n\r\n${before}${variables}}`
  }
}

function entryOf(question: Question): Manifest['operations'][number] {
  const name = OPERATIONS[question]
  const found = MANIFEST.operations.find(entry => entry.name === name)
  if (found === undefined)
    throw new Error(`expected the operation ${name} in schema/operations.json, got none`)
  return found
}

/** So that the length in characters is that in bytes. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u0080-\uffff]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
