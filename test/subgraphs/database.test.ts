import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deadlineIn } from '../../protocol/deadline.ts'
import { Fault } from '../../protocol/fault.ts'
import type { Priority } from '../../protocol/priority.ts'
import {
  assertPoolsFit,
  Database,
  type DatabaseOptions,
  isConnectionLost,
  isDataError,
  MigrationRefused,
  OutcomeUnknown,
  sqlState,
} from '../../subgraphs/database.ts'
import { withUrgency } from '../../subgraphs/urgency.ts'
import { ask, createTestDatabase, shiftClock, silent, type TestDatabase, until } from '../harness/postgres.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(async () => await test.close())

let schemas = 0
/** A database on a schema of its own; closed when the block ends. */
function open(options: Partial<DatabaseOptions> = {}): Database & AsyncDisposable {
  const database = new Database({
    connection: test.connection,
    schema: `part_${++schemas}`,
    log: silent,
    poolMax: 3,
    ...options,
  })
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.close() })
}

/** Named by its own hash: one name, one text. */
const sql = (text: string) => ({ name: createHash('md5').update(text).digest('hex'), text })
const read = (text: string) => ({ ...sql(text), readOnly: true })

/** A folder of migration files. */
async function migrations(files: Record<string, string>): Promise<AsyncDisposable & { readonly url: URL }> {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-migrations-'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return { url: pathToFileURL(folder), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

const note = {
  '0001-note.sql': 'CREATE TABLE note (id bigint PRIMARY KEY, text text NOT NULL DEFAULT $$$$);',
}

describe('columns', () => {
  it('reads int8, and integral numeric, as numbers up to 2^53-1 and refuses what lies beyond', async () => {
    await using database = open()
    // Three billion yuan: 3e11 fen.
    expect(
      await database.query(
        sql(`SELECT 300000000000::int8 AS fen, sum(x) AS sum FROM unnest('{1,2}'::int8[]) x`),
      ),
    ).toEqual([{ fen: 3e11, sum: 3 }])
    expect(
      await database.query(sql('SELECT 9007199254740991::int8 AS n, ARRAY[1::int8, NULL] AS list')),
    ).toEqual([{ n: Number.MAX_SAFE_INTEGER, list: [1, null] }])
    for (const text of [
      'SELECT 9007199254740992::int8',
      'SELECT -9007199254740992::int8',
      'SELECT 0.5::numeric',
    ]) {
      await expect(database.query(sql(text))).rejects.toThrow('expected an integer within ±(2^53-1), got')
    }
  })

  it('reads an instant as a Date, a day as text, and refuses a time without a zone', async () => {
    await using database = open()
    expect(
      await database.query(
        sql(`SELECT '2027-03-01T00:00:00+08:00'::timestamptz AS at, '2027-02-28'::date AS day`),
      ),
    ).toEqual([{ at: new Date('2027-02-28T16:00:00Z'), day: '2027-02-28' }])
    await expect(database.query(sql('SELECT now()::timestamp'))).rejects.toThrow('expected a timestamptz')
  })

  it('takes money and instants as parameters without loss', async () => {
    await using database = open()
    const at = new Date('2027-02-28T15:59:59.999Z')
    expect(await database.query(sql('SELECT $1::int8 AS fen, $2::timestamptz AS at'), [3e11, at])).toEqual([
      { fen: 3e11, at },
    ])
  })
})

describe('a connection', () => {
  it('has its own search_path, limits and name', async () => {
    await using database = open()
    const [row] = await database.query(
      sql(`SELECT current_setting('search_path') AS path, current_setting('statement_timeout') AS statement,
        current_setting('lock_timeout') AS lock, current_setting('application_name') AS name`),
    )
    expect(row).toEqual({
      path: `${database.schema},pg_temp`,
      statement: '10s',
      lock: '2s',
      name: `spillway-${database.schema}`,
    })
  })

  it('prepares a named statement once', async () => {
    await using database = open({ poolMax: 1 })
    await database.query({ name: 'once', text: 'SELECT 1' })
    await database.query({ name: 'once', text: 'SELECT 1' })
    expect(
      await database.query(sql(`SELECT name FROM pg_prepared_statements WHERE name = 'once'`)),
    ).toHaveLength(1)
    await expect(database.query({ name: 'once', text: 'SELECT 2' })).rejects.toThrow('must be unique')
  })

  it('is given back whatever happens: a pool of one serves a thousand mixed calls', async () => {
    await using database = open({ poolMax: 1 })
    const calls = Array.from({ length: 1_000 }, (_, i) => {
      if (i % 4 === 0) return database.query(sql('SELECT 1'))
      if (i % 4 === 1) return database.query(sql('SELECT 1/0'))
      if (i % 4 === 2) return database.transaction(tx => tx.query(sql('SELECT 1')))
      return database.transaction(async () => {
        throw new Error('no')
      })
    })
    const settled = await Promise.allSettled(calls)
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(500)
    expect(database.load).toEqual({ busy: 0, idle: 1, waiting: 0 })
  })

  it('is waited for by so many callers and no more', async () => {
    await using database = open({ poolMax: 1, waitingMax: 2 })
    const held = Promise.withResolvers<void>()
    const holder = database.transaction(async () => await held.promise)
    await until('the pool to be busy', () => database.load.busy === 1)
    const waiting = [database.ping(), database.ping()]
    await until('both to wait', () => database.load.waiting === 2)
    await expect(database.ping()).rejects.toThrow('2 callers wait for a connection already')
    held.resolve()
    await Promise.all([holder, ...waiting])
  })

  it('is a queue that says how long it is waited for, beside others that are added', async () => {
    await using database = open({ poolMax: 1 })
    const added = { waitMs: 1, left: 2, waitedMs: 3 }
    database.addQueue('batches', added)
    expect([...database.queues.keys()]).toEqual(['connections', 'batches'])
    expect(database.queues.get('batches')).toBe(added)
    const queue = database.queues.get('connections')!
    const held = Promise.withResolvers<void>()
    const holder = database.transaction(async () => await held.promise)
    const waiting = database.ping()
    await until('it has waited', () => queue.waitMs >= 20)
    expect([queue.left, queue.waitedMs]).toEqual([1, 0])
    held.resolve()
    await Promise.all([holder, waiting])
    expect([queue.waitMs, queue.left]).toEqual([0, 2])
    expect(queue.waitedMs).toBeGreaterThanOrEqual(20)
  })

  it('is given to a payment before those who browse, and to nobody who has run out of time', async () => {
    await using database = open({ poolMax: 1 })
    const held = Promise.withResolvers<void>()
    const holder = database.transaction(async () => await held.promise)
    await until('the pool to be busy', () => database.load.busy === 1)
    const order: string[] = []
    const asking = (name: string, priority: Priority, leftMs: number): Promise<unknown> =>
      withUrgency({ priority, deadlineMs: deadlineIn(leftMs) }, () => database.ping()).then(
        () => order.push(name),
        (error: Fault) => order.push(`${name}: ${error.code}`),
      )
    const late = asking('late', 'BROWSE', 20)
    const asked = [
      asking('browse', 'BROWSE', 60_000),
      asking('text', 'ADHOC', 60_000),
      asking('pay', 'PAY', 60_000),
    ]
    await late
    held.resolve()
    await Promise.all([holder, ...asked])
    expect(order).toEqual(['late: DATABASE_UNAVAILABLE', 'pay', 'browse', 'text'])
    expect(database.load).toEqual({ busy: 0, idle: 1, waiting: 0 })
  })

  it('refuses a URL whose options would replace the search_path, and a schema that is no name', () => {
    expect(() => open({ connection: `${test.url}?options=-csearch_path%3Dpublic` })).toThrow(
      'without "options"',
    )
    expect(() => open({ schema: 'Coupon; DROP' })).toThrow('expected a schema name like "coupon"')
  })

  it('is made from a URL as well', async () => {
    await using database = open({ connection: test.url })
    expect(database.address).toBe(new URL(test.url).host)
    await database.ping()
  })
})

describe('pools', () => {
  it('must fit into max_connections less the reserved', async () => {
    await using small = open({ poolMax: 8 })
    await using large = open({ poolMax: 300 })
    await assertPoolsFit([small])
    await expect(assertPoolsFit([small, large])).rejects.toThrow(
      /want 311 connections in 1 process\(es\), and PostgreSQL has 297/,
    )
    // 33 × (8 + 1) + 1 = 298
    await assertPoolsFit([small], 32)
    await expect(assertPoolsFit([small], 33)).rejects.toThrow('want 298')
  })
})

describe('a transaction', () => {
  it('is READ COMMITTED, commits what its work returns and rolls back what it throws', async () => {
    await using database = open()
    await using files = await migrations(note)
    await database.migrate(files.url)
    const isolation = await database.transaction(async tx => {
      await tx.query(sql('INSERT INTO note VALUES (1)'))
      return await tx.query(sql(`SELECT current_setting('transaction_isolation') AS level`))
    })
    expect(isolation).toEqual([{ level: 'read committed' }])
    const thrown = new Error('changed my mind')
    await expect(
      database.transaction(async tx => {
        await tx.query(sql('INSERT INTO note VALUES (2)'))
        throw thrown
      }),
    ).rejects.toBe(thrown)
    expect(await database.query(sql('SELECT id FROM note'))).toEqual([{ id: 1 }])
  })

  it('does not report success when a statement failed and its error was caught', async () => {
    await using database = open()
    await using files = await migrations(note)
    await database.migrate(files.url)
    await expect(
      database.transaction(async tx => {
        await tx.query(sql('INSERT INTO note VALUES (1)'))
        await tx.query(sql('SELECT 1/0')).catch(() => {})
      }),
    ).rejects.toThrow('was rolled back')
    expect(await database.query(sql('SELECT id FROM note'))).toEqual([])
  })

  it('refuses statements at once, left running, and after the end', async () => {
    await using database = open({ poolMax: 1 })
    await expect(
      database.transaction(tx => Promise.all([tx.query(sql('SELECT 1')), tx.query(sql('SELECT 2'))])),
    ).rejects.toThrow('came while another of its transaction was running')
    await expect(
      database.transaction(async tx => {
        tx.query(sql('SELECT 1')).catch(() => {})
      }),
    ).rejects.toThrow('still running')
    const escaped = await database.transaction(async tx => ({ tx }))
    await expect(escaped.tx.query(sql('SELECT 1'))).rejects.toThrow('after its transaction had ended')
    await database.ping()
  })

  it('whose deferred constraint fails at COMMIT is refused, not unknown', async () => {
    await using database = open()
    await using files = await migrations({
      '0001-a.sql': 'CREATE TABLE a (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)',
    })
    await database.migrate(files.url)
    const error = await database
      .transaction(async tx => {
        await tx.query(sql('INSERT INTO a VALUES (1), (1)'))
      })
      .catch(error => error)
    expect(sqlState(error)).toBe('23505')
    expect(error).not.toBeInstanceOf(OutcomeUnknown)
    expect(await database.query(sql('SELECT n FROM a'))).toEqual([])
  })
})

describe('errors', () => {
  it('tell bad data (22, 23) from everything else', async () => {
    await using database = open()
    const caught = (text: string) => database.query(sql(text)).catch(error => error)
    const zero = await caught('SELECT 1/0')
    expect([sqlState(zero), isDataError(zero), isConnectionLost(zero)]).toEqual(['22012', true, false])
    const unknown = await caught('SELECT nothing')
    expect([sqlState(unknown), isDataError(unknown), isConnectionLost(unknown)]).toEqual([
      '42703',
      false,
      false,
    ])
    const nul = await database.query(sql('SELECT $1::text'), ['a\0b']).catch(error => error)
    expect([sqlState(nul), isDataError(nul)]).toEqual(['22021', true])
    expect(sqlState(new Error('x'))).toBeUndefined()
  })

  it('name a lock or statement timeout as unavailable: nothing was done', async () => {
    await using database = open({ lockWaitMsMax: 50, statementMsMax: 200 })
    await using files = await migrations(note)
    await database.migrate(files.url)
    await database.query(sql('INSERT INTO note VALUES (1)'))
    await database.transaction(async tx => {
      await tx.query(sql('SELECT id FROM note FOR UPDATE'))
      const blocked = await database.query(sql('DELETE FROM note')).catch(error => error)
      expect([blocked.code, sqlState(blocked)]).toEqual(['DATABASE_UNAVAILABLE', '55P03'])
    })
    const slow = await database.query(sql('SELECT pg_sleep(60)')).catch(error => error)
    expect([slow.code, sqlState(slow)]).toEqual(['DATABASE_UNAVAILABLE', '57014'])
    expect(slow.extensions.retryAfterMs).toBe(1_000)
  })

  it('say DATABASE_UNAVAILABLE when there is nothing to connect to', async () => {
    await using database = open({ connection: { ...test.connection, port: 1 } })
    const error = await database.query(sql('SELECT 1')).catch(error => error)
    expect(error).toBeInstanceOf(Fault)
    expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE', extensions: { retryAfterMs: 1_000 } })
    expect(error.message).not.toContain(test.connection.password)
    expect(isConnectionLost(error)).toBe(true)
  })
})

describe('a connection lost', () => {
  /** Ends the one session of this pool that runs, or waits in, a statement like `text`. */
  async function terminate(database: Database, text: string): Promise<void> {
    await until(`a session at ${text}`, async () => {
      const rows = await ask(
        test.connection,
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE $2',
        [`spillway-${database.schema}`, `${text}%`],
      )
      return rows.length > 0
    })
  }

  /** Waits until the server has none of its sessions: a signal sent is not yet a session ended. */
  async function gone(database: Database): Promise<void> {
    await until('its sessions to be gone', async () => {
      const open = 'SELECT 1 FROM pg_stat_activity WHERE application_name = $1'
      return (await ask(test.connection, open, [`spillway-${database.schema}`])).length === 0
    })
  }

  it('during a write is an unknown outcome', async () => {
    await using database = open()
    const writing = database.query(sql('SELECT pg_sleep(60)')).catch(error => error)
    await terminate(database, 'SELECT pg_sleep')
    const error = await writing
    expect(error).toBeInstanceOf(OutcomeUnknown)
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', extensions: { retryAfterMs: 1_000 } })
    expect(isConnectionLost(error)).toBe(true)
    await database.ping()
  })

  it('during a read is read again', async () => {
    await using database = open()
    await using files = await migrations({ '0001-gate.sql': 'CREATE TABLE gate (n int)' })
    await database.migrate(files.url)
    // The first try sleeps, as the gate is empty; the second finds it open.
    const reading = database.query(
      read('SELECT CASE WHEN EXISTS (SELECT FROM gate) THEN 1 ELSE length(pg_sleep(60)::text) END AS n'),
    )
    await until('the read to run', async () => {
      const rows = await ask(
        test.connection,
        `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name = $1`,
        [`spillway-${database.schema}`],
      )
      return rows.length > 0
    })
    await database.query(sql('INSERT INTO gate VALUES (1)'))
    await terminate(database, 'SELECT CASE')
    expect(await reading).toEqual([{ n: 1 }])
  })

  it('before COMMIT was sent certainly committed nothing', async () => {
    await using database = open()
    await using files = await migrations(note)
    await database.migrate(files.url)
    for (const swallow of [false, true]) {
      const error = await database
        .transaction(async tx => {
          await tx.query(sql('INSERT INTO note VALUES (1)'))
          const sleeping = tx.query(sql('SELECT pg_sleep(60)'))
          await Promise.all([
            swallow ? sleeping.catch(() => {}) : sleeping,
            terminate(database, 'SELECT pg_sleep'),
          ])
        })
        .catch(error => error)
      expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
      expect(await database.query(sql('SELECT id FROM note'))).toEqual([])
    }
  })

  it('after COMMIT was sent is an unknown outcome', async () => {
    await using database = open()
    // A deferred trigger holds the COMMIT, so that the test can break the connection in the middle of it.
    await using files = await migrations({
      ...note,
      '0002-slow.sql': `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();`,
    })
    await database.migrate(files.url)
    const committing = database
      .transaction(async tx => {
        await tx.query(sql('INSERT INTO note VALUES (1)'))
      })
      .catch(error => error)
    await terminate(database, 'COMMIT')
    expect(await committing).toBeInstanceOf(OutcomeUnknown)
    await database.ping()
  })

  it('inside a transaction, between two statements, ends the transaction and not the process', async () => {
    await using database = open({ poolMax: 1 })
    const error = await database
      .transaction(async tx => {
        await tx.query(sql('SELECT 1'))
        await terminate(database, 'SELECT 1')
        await gone(database)
        // The end of the connection is read in the meantime, when no statement could be told of it.
        await ask(test.connection, 'SELECT 1')
        await tx.query(sql('SELECT 2'))
      })
      .catch(error => error)
    expect(error).toMatchObject({ code: 'DATABASE_UNAVAILABLE' })
    await database.ping()
  })

  it('while idle hurts nobody: neither the process nor the next caller', async () => {
    await using database = open({ poolMax: 3 })
    for (let round = 0; round < 20; round++) {
      await Promise.all([database.ping(), database.ping(), database.ping()])
      await terminate(database, 'SELECT 1')
      await gone(database)
      await database.transaction(tx => tx.query(sql('SELECT 1')))
    }
  })
})

describe('migrations', () => {
  it('run once, in order, whoever starts at the same time', async () => {
    await using files = await migrations({
      ...note,
      '0002-more.sql': 'ALTER TABLE note ADD COLUMN more int; INSERT INTO note VALUES (1);',
    })
    const schema = `part_${++schemas}`
    const starters = Array.from(
      { length: 6 },
      () => new Database({ connection: test.connection, schema, log: silent }),
    )
    const applied = await Promise.all(starters.map(database => database.migrate(files.url)))
    expect(applied.toSorted((a, b) => b.length - a.length)).toEqual([[0, 1, 2], [], [], [], [], []])
    const database = starters[0]!
    expect(
      await database.query(sql('SELECT version, name, length(sha256) AS length FROM migration ORDER BY 1')),
    ).toEqual([
      { version: 0, name: 'clock', length: 64 },
      { version: 1, name: 'note', length: 64 },
      { version: 2, name: 'more', length: 64 },
    ])
    expect(await database.query(sql('SELECT id FROM note'))).toEqual([{ id: 1 }])
    await Promise.all(starters.map(database => database.close()))
  })

  it('that fail leave nothing of themselves, and what came before stays', async () => {
    await using database = open()
    await using bad = await migrations({ ...note, '0002-bad.sql': 'CREATE TABLE half (n int); SELECT 1/0;' })
    await expect(database.migrate(bad.url)).rejects.toThrow('version 2 (bad) failed: division by zero')
    expect(
      await database.query(
        sql(`SELECT to_regclass('note') IS NOT NULL AS note, to_regclass('half') AS half`),
      ),
    ).toEqual([{ note: true, half: null }])
    await using good = await migrations({ ...note, '0002-good.sql': 'CREATE TABLE half (n int);' })
    expect(await database.migrate(good.url)).toEqual([2])
  })

  it('refuse a changed file, a newer database, a gap, a bad name and a COMMIT of its own', async () => {
    await using database = open()
    await using files = await migrations({ ...note, '0002-more.sql': 'SELECT 2;' })
    await database.migrate(files.url)
    const refused: [Record<string, string>, string][] = [
      [{ ...note, '0002-more.sql': 'SELECT 3;' }, 'version 2 (more) was applied with sha256'],
      [note, 'the database has version 2 (more), and this code ends at 1'],
      [{ ...note, '0003-gap.sql': '' }, 'expected version 2 next, got 3 (gap)'],
      [{ ...note, '2-short.sql': '' }, 'expected files named 0001-words.sql and up, got 2-short.sql'],
      [
        { ...note, '0002-more.sql': 'SELECT 2;', '0003-own.sql': 'COMMIT; CREATE TABLE loose (n int);' },
        'ends its transaction',
      ],
    ]
    for (const [changed, why] of refused) {
      await using folder = await migrations(changed)
      const error = await database.migrate(folder.url).catch(error => error)
      expect(error).toBeInstanceOf(MigrationRefused)
      expect(error.message).toContain(why)
    }
    // Line ends are the checkout's affair.
    await using crlf = await migrations({
      '0001-note.sql': note['0001-note.sql'],
      '0002-more.sql': 'SELECT 2;',
    })
    expect(await database.migrate(crlf.url)).toEqual([])
  })
})

describe('clock()', () => {
  it('tells the time of the call, not of the transaction', async () => {
    await using database = open()
    await using files = await migrations({})
    await database.migrate(files.url)
    const [row] = await database.transaction(async tx => {
      // now() is the time of BEGIN, a round trip ago.
      return await tx.query<{ later: boolean }>(sql('SELECT clock() > now() AS later'))
    })
    expect(row).toEqual({ later: true })
  })

  it('is shifted by tests for every session, prepared statements too, and set right again', async () => {
    await using database = open()
    await using files = await migrations({})
    await database.migrate(files.url)
    const ahead = async (): Promise<number> => {
      const [row] = await database.query<{ s: number }>(
        sql('SELECT round(extract(epoch FROM clock() - clock_timestamp())) AS s'),
      )
      return row!.s
    }
    // Often enough that the plan is generic and kept: it must still be thrown away.
    for (let i = 0; i < 10; i++) expect(await ahead()).toBe(0)
    await shiftClock(test.connection, database.schema, 3_600_000)
    expect(await ahead()).toBe(3_600)
    await shiftClock(test.connection, database.schema, -1_000)
    expect(await ahead()).toBe(-1)
    await shiftClock(test.connection, database.schema, 0)
    expect(await ahead()).toBe(0)
  })

  it('is inlined by the planner, so that it costs what clock_timestamp() costs', async () => {
    await using database = open()
    await using files = await migrations({})
    await database.migrate(files.url)
    const plan = await database.query(sql('EXPLAIN (VERBOSE, COSTS OFF) SELECT clock()'))
    expect(JSON.stringify(plan)).toContain('clock_timestamp()')
  })
})

describe('durability', () => {
  it('is on in the tests; off, it stops production and warns elsewhere', async () => {
    await using database = open()
    await database.assertDurable({ production: true })
    const warned: string[] = []
    const log = pino({ level: 'warn' }, { write: line => void warned.push(line) })
    await using loose = open({ log })
    await ask(test.connection, `ALTER DATABASE ${test.connection.database} SET synchronous_commit = off`)
    try {
      await expect(loose.assertDurable({ production: true })).rejects.toThrow('got synchronous_commit = off')
      await loose.assertDurable({ production: false })
      expect(warned.join()).toContain('may lose acknowledged commits')
    } finally {
      await ask(test.connection, `ALTER DATABASE ${test.connection.database} RESET synchronous_commit`)
    }
  })
})

describe('the harness', () => {
  it('fails whoever leaves a connection open', async () => {
    const other = await createTestDatabase()
    const leaking = new Database({ connection: other.connection, schema: 'leak', log: silent })
    await leaking.ping()
    await expect(other.close()).rejects.toThrow(/connections left open: .*spillway-leak/)
    await leaking.close()
  })
})
