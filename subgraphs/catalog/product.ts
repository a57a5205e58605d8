import { Fault } from '../../protocol/fault.ts'
import type { StockLevel, StockLineInput, UpsertProductInput } from './schema.generated.ts'

/** The catalog's rules, without a database: ids, stock levels, what a product and a reservation may look like. */

export const STOCK_MAX = 1_000_000_000
export const VARIANTS_MAX = 20

const NAME_CHARACTERS_MAX = 120
const DESCRIPTION_CHARACTERS_MAX = 2_000
const PRICE_FEN_MAX = 10_000_000_00
const LINES_MAX = 100
const QUANTITY_MAX = 10_000
const LOW_BELOW = 10
const ECHO_CHARACTERS_MAX = 64

const ID = /^(product|shop|category)_[a-z0-9-]{1,64}$/
const SKU = /^[A-Z0-9][A-Z0-9-]{0,63}$/

/** @throws Fault BAD_ID unless `text` is an id of this type */
export function catalogId(type: 'product' | 'shop' | 'category', text: string): string {
  if (ID.test(text) && text.startsWith(`${type}_`)) return text
  throw new Fault(
    'BAD_ID',
    `expected ${type}_ and 1 to 64 lower-case letters, digits and dashes, got ${echo(text)}`,
  )
}

/** @throws Fault BAD_ID unless `text` is a sku */
export function skuOf(text: string): string {
  if (SKU.test(text)) return text
  throw new Fault('BAD_ID', `expected a sku of 1 to 64 capitals, digits and dashes, got ${echo(text)}`)
}

/** What shoppers are told of `available`, the number on hand that no order holds. */
export function stockLevelOf(available: number): StockLevel {
  if (available <= 0) return 'OUT'
  return available < LOW_BELOW ? 'LOW' : 'IN_STOCK'
}

/** @throws Fault BAD_INPUT for no line or too many, a sku named twice, a quantity out of range; BAD_ID for a sku's form */
export function checkLines(lines: readonly StockLineInput[]): void {
  if (lines.length < 1 || lines.length > LINES_MAX) {
    throw new Fault('BAD_INPUT', `lines expects 1 to ${LINES_MAX} lines, got ${lines.length}`)
  }
  const seen = new Set<string>()
  for (const { sku, quantity } of lines) {
    skuOf(sku)
    if (seen.has(sku)) throw new Fault('BAD_INPUT', `lines expects each sku once, got ${sku} again`)
    if (quantity < 1 || quantity > QUANTITY_MAX) {
      throw new Fault('BAD_INPUT', `quantity expects 1 to ${QUANTITY_MAX}, got ${quantity} of ${sku}`)
    }
    seen.add(sku)
  }
}

/** @throws Fault BAD_INPUT */
export function checkOnHand(onHand: number): void {
  if (onHand < 0 || onHand > STOCK_MAX) {
    throw new Fault('BAD_INPUT', `onHand expects 0 to ${STOCK_MAX}, got ${onHand}`)
  }
}

/** A rule that does not hold, in both languages. */
export interface Problem {
  readonly zh: string
  readonly en: string
}

/**
 * The first rule of form that the product breaks; undefined when it may be saved as far as it alone can tell.
 * @throws Fault BAD_ID for malformed ids and skus, BAD_INPUT for text that no database can hold
 */
export function problemOf(product: UpsertProductInput): Problem | undefined {
  catalogId('product', product.id)
  catalogId('shop', product.shopId)
  catalogId('category', product.categoryId)
  const { variants } = product
  if (variants.length < 1 || variants.length > VARIANTS_MAX) {
    return {
      zh: `商品须有 1 至 ${VARIANTS_MAX} 个规格，收到 ${variants.length} 个。`,
      en: `A product needs 1 to ${VARIANTS_MAX} variants, got ${variants.length}.`,
    }
  }
  for (const [field, text, charactersMax] of [
    ['nameZh', product.nameZh, NAME_CHARACTERS_MAX],
    ['nameEn', product.nameEn, NAME_CHARACTERS_MAX],
    ['descriptionZh', product.descriptionZh, DESCRIPTION_CHARACTERS_MAX],
    ['descriptionEn', product.descriptionEn, DESCRIPTION_CHARACTERS_MAX],
  ] as const) {
    const problem = textProblemOf(field, text, charactersMax)
    if (problem !== undefined) return problem
  }
  const seen = new Set<string>()
  for (const { sku, nameZh, nameEn, priceFen, onHand } of variants) {
    skuOf(sku)
    if (seen.has(sku)) {
      return { zh: `规格 ${sku} 重复出现。`, en: `The sku ${sku} is named twice.` }
    }
    seen.add(sku)
    const problem =
      textProblemOf(`nameZh of ${sku}`, nameZh, NAME_CHARACTERS_MAX) ??
      textProblemOf(`nameEn of ${sku}`, nameEn, NAME_CHARACTERS_MAX)
    if (problem !== undefined) return problem
    if (priceFen < 1 || priceFen > PRICE_FEN_MAX) {
      return {
        zh: `规格 ${sku} 的价格须为 1 至 ${PRICE_FEN_MAX} 分，收到 ${priceFen}。`,
        en: `The price of ${sku} must be 1 to ${PRICE_FEN_MAX} fen, got ${priceFen}.`,
      }
    }
    if (onHand != null && (onHand < 0 || onHand > STOCK_MAX)) {
      return {
        zh: `规格 ${sku} 的库存须为 0 至 ${STOCK_MAX}，收到 ${onHand}。`,
        en: `The stock of ${sku} must be 0 to ${STOCK_MAX}, got ${onHand}.`,
      }
    }
  }
  return undefined
}

function textProblemOf(field: string, text: string, charactersMax: number): Problem | undefined {
  if (!text.isWellFormed() || text.includes('\0')) {
    throw new Fault('BAD_INPUT', `${field} expects well-formed text, got a NUL or half a surrogate pair`)
  }
  const characters = text.length > 2 * charactersMax ? text.length : [...text].length
  if (text.trim() !== '' && characters <= charactersMax) return undefined
  return {
    zh: `${field} 须为 1 至 ${charactersMax} 个字符，收到 ${characters} 个。`,
    en: `${field} must have 1 to ${charactersMax} characters and not be blank, got ${characters}.`,
  }
}

function echo(text: string): string {
  const shown = JSON.stringify(text.slice(0, ECHO_CHARACTERS_MAX))
  return text.length > ECHO_CHARACTERS_MAX ? `${shown}… (${text.length} characters)` : shown
}
