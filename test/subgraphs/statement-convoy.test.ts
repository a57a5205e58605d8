import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deadlineIn } from '../../protocol/deadline.ts'
import type { Priority } from '../../protocol/priority.ts'
import { Database, type GatheredStatement } from '../../subgraphs/database.ts'
import { StatementConvoy } from '../../subgraphs/statement-convoy.ts'
import { urgencyNow, withUrgency } from '../../subgraphs/urgency.ts'
import { createTestDatabase, silent, type TestDatabase, until } from '../harness/postgres.ts'

let owned: TestDatabase
let database: Database
beforeAll(async () => {
  owned = await createTestDatabase()
  database = new Database({
    connection: owned.connection,
    schema: 'gathered',
    log: silent,
    poolMax: 4,
    lockWaitMsMax: 100,
  })
  await database.query(sql('CREATE SCHEMA gathered'))
  await database.query(
    sql(
      'CREATE TABLE note (id integer PRIMARY KEY, n integer NOT NULL CHECK (n <> 13), call bigint NOT NULL)',
    ),
  )
})
afterAll(async () => {
  await database.close()
  await owned.close()
})

let names = 0
const sql = (text: string) => ({ name: `of_test_${++names}`, text })

/** Writes down each item with the transaction that it was written in. */
const noteOf = (over: Partial<GatheredStatement> = {}): GatheredStatement => ({
  name: `note_${++names}`,
  text: `WITH item AS (
      SELECT i.* FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (id integer, n integer)) WITH ORDINALITY AS i (id, n, place)
    ), made AS (
      INSERT INTO note SELECT id, n, pg_current_xact_id()::text::bigint FROM item ORDER BY id RETURNING *
    )
    SELECT item.place::integer AS place, made.* FROM made JOIN item USING (id)`,
  lanesMax: 1,
  ...over,
})

interface Note {
  readonly id: number
  readonly n: number
  readonly call: number
}
const note = (statement: GatheredStatement, n: number): Promise<readonly Note[]> =>
  database.gather<Note>(statement, { id: ++names, n })

const noted = (n: number): Promise<object[]> =>
  database.query({ name: 'noted', text: 'SELECT n FROM note WHERE n = $1' }, [n])

describe('a gathered statement', () => {
  it('gives each caller its own rows, and those that come at once one commit', async () => {
    const statement = noteOf()
    const rows = await Promise.all([1_001, 1_002, 1_003].map(n => note(statement, n)))
    expect(rows.map(([row]) => row?.n)).toEqual([1_001, 1_002, 1_003])
    expect(new Set(rows.map(([row]) => row?.call)).size).toBe(1)
  })

  it('takes no more than batchMax into one', async () => {
    const statement = noteOf({ batchMax: 2 })
    const rows = await Promise.all([1, 2, 3, 4, 5].map(n => note(statement, 2_000 + n)))
    expect(new Set(rows.map(([row]) => row?.call)).size).toBe(3)
  })

  it('fails for the one whose row is bad, and is there for the others', async () => {
    const statement = noteOf()
    const outcomes = await Promise.allSettled([3_001, 13, 3_002, 3_003].map(n => note(statement, n)))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ code: '23514' })
    expect(await noted(13)).toEqual([])
    for (const n of [3_001, 3_002, 3_003]) expect(await noted(n)).toEqual([{ n }])
  })

  it('fails for whoever waits in vain for a lock, and is there for the others', async () => {
    const ids = [++names, ++names, ++names]
    for (const id of ids) await database.query(sql(`INSERT INTO note VALUES (${id}, 5001, 0)`))
    const statement: GatheredStatement = {
      name: `lock_${++names}`,
      text: `SELECT i.place::integer AS place, n.id
        FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (id integer)) WITH ORDINALITY AS i (id, place)
        CROSS JOIN LATERAL (SELECT id FROM note WHERE id = i.id LIMIT 1 FOR UPDATE) n`,
    }
    const outcomes = await database.transaction(async transaction => {
      await transaction.query(sql(`SELECT FROM note WHERE id = ${ids[1]} FOR UPDATE`))
      return await Promise.allSettled(ids.map(id => database.gather<{ id: number }>(statement, { id })))
    })
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((outcomes[1] as PromiseRejectedResult).reason).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
  })

  it('answers nothing for an item that has no rows', async () => {
    const statement: GatheredStatement = {
      name: `none_${++names}`,
      readOnly: true,
      text: `SELECT place::integer AS place, item FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS i (item, place)
        WHERE item ->> 'wanted' = 'yes'`,
    }
    const ask = (wanted: string): Promise<readonly object[]> => database.gather(statement, { wanted })
    const [yes, no] = await Promise.all([ask('yes'), ask('no')])
    expect(yes).toHaveLength(1)
    expect(no).toEqual([])
  })

  it('waits in line where load tells of it', async () => {
    const statement = noteOf({ batchMax: 1 })
    const all = Promise.all([1, 2, 3].map(n => note(statement, 4_000 + n)))
    expect(database.load.waiting).toBe(3)
    const queue = database.queues.get(statement.name)!
    await until('it has waited', () => queue.waitMs > 0 || queue.waitedMs > 0)
    await all
    expect(database.load.waiting).toBe(0)
    expect([queue.waitMs, queue.left]).toEqual([0, 3])
    expect(queue.waitedMs).toBeGreaterThan(0)
  })
})

describe('a convoy of statements', () => {
  const as = <T>(priority: Priority, work: () => T, deadlineMs = Number.POSITIVE_INFINITY): T =>
    withUrgency({ priority, deadlineMs }, work)

  /** Batches leave when they are let go, one at a time. */
  function held(isEqual: boolean) {
    const batches: { readonly items: readonly string[]; readonly priority: Priority; go: () => void }[] = []
    const convoy = new StatementConvoy<string, string>({
      name: 'held',
      batchMax: 10,
      lanesMax: 1,
      isEqual,
      run: items =>
        new Promise(resolve => {
          const { priority } = urgencyNow()
          batches.push({ items, priority, go: () => resolve(items.map(item => `${item}!`)) })
        }),
    })
    return { batches, convoy }
  }

  it('serves who pays before who browses, each in a statement of its own urgency', async () => {
    const { batches, convoy } = held(false)
    const answers = [as('BROWSE', () => convoy.load('first'))]
    await until('a batch has left', () => batches.length === 1)
    answers.push(
      as('BROWSE', () => convoy.load('browse')),
      as('PAY', () => convoy.load('pay')),
    )
    for (let sent = 0; sent < 3; sent++) {
      await until('the next batch has left', () => batches.length === sent + 1)
      batches[sent]!.go()
    }
    expect(await Promise.all(answers)).toEqual(['first!', 'browse!', 'pay!'])
    expect(batches.map(({ items, priority }) => [priority, ...items])).toEqual([
      ['BROWSE', 'first'],
      ['PAY', 'pay'],
      ['BROWSE', 'browse'],
    ])
  })

  it('of equals makes one statement, as urgent as the most urgent of them', async () => {
    const { batches, convoy } = held(true)
    const answers = [as('REDEEM', () => convoy.load('redeem')), as('PAY', () => convoy.load('pay'))]
    await until('a batch has left', () => batches.length === 1)
    batches[0]!.go()
    expect(await Promise.all(answers)).toEqual(['redeem!', 'pay!'])
    expect(batches).toMatchObject([{ priority: 'PAY', items: ['redeem', 'pay'] }])
  })

  it('answers DATABASE_UNAVAILABLE to a reader whose time is over', async () => {
    const { convoy } = held(false)
    await expect(as('BROWSE', () => convoy.load('late'), deadlineIn(-1))).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
    })
  })

  it('passes on what all of a batch met, once, without trying its parts', async () => {
    let runs = 0
    const convoy = new StatementConvoy<number, never>({
      name: 'broken',
      batchMax: 10,
      run: () => {
        runs++
        return Promise.reject(new Error('the connection broke'))
      },
    })
    const outcomes = await Promise.allSettled([1, 2, 3].map(n => convoy.load(n)))
    expect(outcomes.map(outcome => (outcome as PromiseRejectedResult).reason.message)).toEqual(
      Array(3).fill('the connection broke'),
    )
    expect(runs).toBe(1)
  })
})
