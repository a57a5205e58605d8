import { parseId } from '../../protocol/ids.ts'
import type { Database } from '../database.ts'
import { outcome, type ShopperMessage } from '../message.ts'
import { checkLines, checkOnHand, type Problem, problemOf, skuOf, VARIANTS_MAX } from './product.ts'
import type { SetStockInput, StockHold, StockLineInput, UpsertProductInput } from './schema.generated.ts'
import * as store from './store.ts'

/**
 * The write path: stock held for orders, and what is on the shelf.
 *
 * A reservation, one an order:
 *
 *     (none) ─ reserve → HELD ─ commit → COMMITTED ─ return → RETURNED
 *        │        │       ├ return → RETURNED          the hold is undone: nothing had left the shelf
 *        │        │       └ release → RELEASED
 *        │        └ too few → REFUSED ─ release → RELEASED
 *        └ release → RELEASED                          a tombstone: a reserve that comes late holds nothing
 *
 * Whatever is no arrow changes nothing and answers the state as it is, so every call may be repeated and may come late;
 * commit and return of an order without a reservation answer NONE. `reserved` is the sum of all HELD lines, and
 * `on_hand` falls at COMMITTED and rises at RETURNED. Rows are never deleted: they are what makes a late call harmless.
 * The machine runs inside SQL functions (migrations/); what many orders want rides together, in one call and one commit.
 */
export class Stock {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * All lines or none; the order's first reservation decides, and a repeat is told the same. A sku that does not exist
   * is short with nothing available.
   * @throws Fault BAD_ID, BAD_INPUT
   */
  async reserve(orderId: string, lines: readonly StockLineInput[]): Promise<StockHold> {
    parseId('order', orderId)
    checkLines(lines)
    const { state, short } = await store.reserveStock(
      this.#database,
      orderId,
      lines.map(line => line.sku),
      lines.map(line => line.quantity),
    )
    return { orderId, state, short }
  }

  release(orderId: string): Promise<StockHold> {
    return this.#settle(orderId, 'RELEASED')
  }

  commit(orderId: string): Promise<StockHold> {
    return this.#settle(orderId, 'COMMITTED')
  }

  /** `return` is a reserved word. */
  giveBack(orderId: string): Promise<StockHold> {
    return this.#settle(orderId, 'RETURNED')
  }

  /**
   * StockSet, VariantNotFound or StockBelowReserved.
   * @throws Fault BAD_ID, BAD_INPUT
   */
  async set({ sku, onHand }: SetStockInput): Promise<ShopperMessage & { sku?: string; reserved?: number }> {
    skuOf(sku)
    checkOnHand(onHand)
    return this.#database.transaction(async transaction => {
      const reserved = await store.lockStock(transaction, sku)
      if (reserved === undefined) {
        const zh = `没有规格 ${sku}。`
        return outcome('VariantNotFound', { severity: 'ERROR', zh, en: `There is no sku ${sku}.` }, {})
      }
      if (onHand < reserved) {
        const zh = `已有 ${reserved} 件被订单占用，库存不能设为 ${onHand}。`
        const en = `${reserved} are reserved for orders, so the stock cannot be set to ${onHand}.`
        return outcome('StockBelowReserved', { severity: 'ERROR', zh, en }, { reserved })
      }
      await store.setStock(transaction, sku, onHand)
      const zh = `${sku} 的库存已设为 ${onHand}。`
      return outcome(
        'StockSet',
        { severity: 'SUCCESS', zh, en: `The stock of ${sku} is ${onHand} now.` },
        { sku },
      )
    })
  }

  /**
   * ProductSaved or ProductRefused; a refused product changes nothing.
   * @throws Fault BAD_ID, BAD_INPUT
   */
  async upsertProduct(input: UpsertProductInput): Promise<ShopperMessage & { productId?: string }> {
    const problem = problemOf(input) ?? (await this.#save(input))
    if (problem !== undefined) return outcome('ProductRefused', { severity: 'ERROR', ...problem }, {})
    const zh = `商品「${input.nameZh}」已保存。`
    const en = `The product "${input.nameEn}" is saved.`
    return outcome('ProductSaved', { severity: 'SUCCESS', zh, en }, { productId: input.id })
  }

  async #settle(orderId: string, wanted: 'RELEASED' | 'COMMITTED' | 'RETURNED'): Promise<StockHold> {
    parseId('order', orderId)
    const { state, short } = await store.settleStock(this.#database, orderId, wanted)
    return { orderId, state, short }
  }

  /** Locks the product, then its variants by sku. */
  async #save(input: UpsertProductInput): Promise<Problem | undefined> {
    try {
      await this.#database.transaction(async transaction => {
        if (!(await store.upsertProduct(transaction, input))) {
          throw new Refusal({
            zh: `没有店铺 ${input.shopId} 或类目 ${input.categoryId}。`,
            en: `There is no shop ${input.shopId} or no category ${input.categoryId}.`,
          })
        }
        const variants = [...input.variants].sort((a, b) => (a.sku < b.sku ? -1 : 1))
        for (const { sku, nameZh, nameEn, priceFen, onHand } of variants) {
          const row = { sku, productId: input.id, nameZh, nameEn, priceFen }
          if (!(await store.upsertVariant(transaction, row))) {
            throw new Refusal({
              zh: `规格 ${sku} 属于另一件商品。`,
              en: `The sku ${sku} belongs to another product.`,
            })
          }
          await store.addStock(transaction, sku, onHand ?? 0)
        }
        const { length } = await store.readVariantsOf(transaction, [input.id])
        if (length > VARIANTS_MAX) {
          throw new Refusal({
            zh: `商品最多有 ${VARIANTS_MAX} 个规格，保存后将有 ${length} 个。`,
            en: `A product has at most ${VARIANTS_MAX} variants, this one would have ${length}.`,
          })
        }
      })
      return undefined
    } catch (error) {
      if (error instanceof Refusal) return error.problem
      throw error
    }
  }
}

/** Rolls the transaction back and carries why. */
class Refusal extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.en)
    this.problem = problem
  }
}
