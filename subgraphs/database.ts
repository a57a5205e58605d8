import pg from 'pg'
import type { Logger } from 'pino'
import type { QueueStats } from '../protocol/subgraph-client.ts'
import { columnTypes } from './column-types.ts'
import { ConnectionTurns } from './connection-turns.ts'
import {
  databaseUnavailable,
  isBusy,
  isConnectionLost,
  isNotSent,
  OutcomeUnknown,
  rootCause,
  sqlState,
} from './database-errors.ts'
import type { PostgresConnection } from './embedded-postgres.ts'
import { migrate } from './migrations.ts'
import { assertPostgresVersion } from './postgres-version.ts'
import { StatementConvoy } from './statement-convoy.ts'
import { urgencyNow } from './urgency.ts'

export { isConnectionLost, isDataError, OutcomeUnknown, sqlState } from './database-errors.ts'
export { MigrationRefused } from './migrations.ts'

/** A prepared statement. The name stands for the text on every connection: one name, one text, for ever. */
export interface Statement {
  readonly name: string
  readonly text: string
  /** It changes nothing, so that after a broken connection it is simply run again, once. */
  readonly readOnly?: boolean
}

/** What a statement can be run on: the pool, or a transaction. */
export interface Queryable {
  /** The rows. `int8` are numbers, `timestamptz` Dates (column-types.ts). */
  query<Row extends object = Record<string, unknown>>(
    statement: Statement,
    values?: readonly unknown[],
  ): Promise<Row[]>
}

/**
 * A statement for many callers' items at once. Its one parameter, $1, is a jsonb list of the items; each row it answers has
 * a `place`, from 1: that of the item it is for. With several items it must give each what it would have got alone.
 */
export interface GatheredStatement extends Statement {
  /** Items a batch. Default 256. */
  readonly batchMax?: number
  /** Batches under way. Default 2; 1 where one would wait for the rows that the other has locked. */
  readonly lanesMax?: number
}

/** What can gather the same statement of many callers. */
export interface Gathering extends Queryable {
  /** The rows for one item, committed. Whoever else asks meanwhile shares the statement (statement-convoy.ts). */
  gather<Row extends object>(statement: GatheredStatement, item: object): Promise<readonly Row[]>
}

export interface DatabaseOptions {
  /** Fields, or a `postgres://` URL. */
  readonly connection: PostgresConnection | string
  /** The subgraph's own schema: the search_path of every connection. */
  readonly schema: string
  readonly log: Logger
  /** Connections kept. Default 8: on two cores 16 beat 64, and four subgraphs share the machine. */
  readonly poolMax?: number
  /** Callers that may wait for a connection, the more urgent first (urgency.ts). Default 2,000; the next is refused at once. */
  readonly waitingMax?: number
  /** How long one waits. Default 5,000. */
  readonly acquireWaitMsMax?: number
  /** Default 10,000 and 2,000. */
  readonly statementMsMax?: number
  readonly lockWaitMsMax?: number
}

/**
 * One subgraph's PostgreSQL: a pool on its own schema, prepared statements, transactions, migrations.
 *
 * What a failure says about the data:
 * - `Fault` DATABASE_UNAVAILABLE: nothing was done. No connection, no room, a lock or statement timeout, a deadlock, a
 *   transaction whose connection was lost before its COMMIT was sent.
 * - `OutcomeUnknown` (a Fault, OUTCOME_UNKNOWN): the connection was lost after a statement outside a transaction, or a
 *   COMMIT, was sent. Read back, or repeat with the same ids.
 * - anything else, a `pg.DatabaseError` as it came: the statement was refused; nothing was done.
 */
export class Database implements Gathering {
  readonly schema: string
  readonly poolMax: number
  /** Where the server is: host:port. */
  readonly address: string
  readonly #options: DatabaseOptions
  readonly #pool: pg.Pool
  /** As many as the pool has connections, so that nobody waits in the pool's own queue, which knows no priorities. */
  readonly #turns: ConnectionTurns
  readonly #queues = new Map<string, QueueStats>()
  readonly #config: pg.ClientConfig
  /** By name of the statement. */
  readonly #gathered = new Map<string, StatementConvoy<object, readonly object[]>>()
  /** Undefined until the first connection: whoever starts on it says what it waits for. */
  #reachable: boolean | undefined
  #closing: Promise<void> | undefined

  /** Connects to nothing yet. */
  constructor(options: DatabaseOptions) {
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(options.schema)) {
      throw new TypeError(`expected a schema name like "coupon", got ${JSON.stringify(options.schema)}`)
    }
    this.#options = options
    this.schema = options.schema
    this.poolMax = options.poolMax ?? 8
    this.#config = clientConfig(options)
    const { host, port } = new pg.Client(this.#config)
    this.address = `${host}:${port}`
    this.#turns = new ConnectionTurns({
      turnsMax: this.poolMax,
      waitingMax: options.waitingMax ?? WAITING_MAX,
      waitMsMax: options.acquireWaitMsMax ?? ACQUIRE_WAIT_MS_MAX,
      unavailable: databaseUnavailable,
    })
    this.addQueue('connections', this.#turns)
    this.#pool = new pg.Pool({
      ...this.#config,
      max: this.poolMax,
      idleTimeoutMillis: 60_000,
      connectionTimeoutMillis: options.acquireWaitMsMax ?? ACQUIRE_WAIT_MS_MAX,
    })
    // An idle connection broke. The pool drops it; without a listener Node would end the process.
    this.#pool.on('error', error =>
      options.log.debug({ err: error, schema: this.schema }, 'idle connection lost'),
    )
    // The pool listens only while a connection is idle; one in use breaks through its statement's error.
    this.#pool.on('connect', client => client.on('error', () => {}))
  }

  /** Connections in use, idle, and callers waiting for one: for metrics. */
  get load(): { readonly busy: number; readonly idle: number; readonly waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.#pool
    let waiting = waitingCount + this.#turns.waiting
    for (const convoy of this.#gathered.values()) waiting += convoy.waiting
    return { busy: totalCount - idleCount, idle: idleCount, waiting }
  }

  /** Where whoever wants something of this database waits: `connections`, and what was added; read at any time. */
  get queues(): ReadonlyMap<string, QueueStats> {
    return this.#queues
  }

  /** One more such queue: one that gathers statements before it asks for a connection. The last one of a name counts. */
  addQueue(name: string, queue: QueueStats): void {
    this.#queues.set(name, queue)
  }

  /** One statement, committed by itself. */
  async query<Row extends object = Record<string, unknown>>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#acquire()
      try {
        const rows = await run<Row>(client, statement, values)
        this.#release(client)
        return rows
      } catch (error) {
        this.#release(client, mustDestroy(error))
        if (!isConnectionLost(error)) throw busyOr(error)
        if (!isNotSent(error) && !statement.readOnly)
          throw new OutcomeUnknown(`statement ${statement.name}`, error)
        if (attempt === attemptsMax) throw databaseUnavailable('its connection was lost', error)
      }
    }
  }

  async gather<Row extends object>(statement: GatheredStatement, item: object): Promise<readonly Row[]> {
    let convoy = this.#gathered.get(statement.name)
    if (convoy === undefined) {
      convoy = this.#convoyOf(statement)
      this.#gathered.set(statement.name, convoy)
    }
    return (await convoy.load(item)) as readonly Row[]
  }

  /**
   * Runs `work` in one READ COMMITTED transaction and commits what it returned; whatever it throws rolls back.
   * One statement at a time; never call a peer inside. A statement that failed has ended the transaction, even when
   * its error was caught: committing then throws.
   */
  async transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T> {
    const client = await this.#begin()
    const transaction = new Transaction(client)
    let committing = false
    try {
      const result = await work(transaction)
      transaction.end()
      if (transaction.lost) throw transaction.lost
      committing = true
      const { command } = await client.query('COMMIT')
      if (command !== 'COMMIT') {
        throw new Error('the transaction was rolled back: a statement in it failed and its error was caught')
      }
      this.#release(client)
      return result
    } catch (error) {
      transaction.abandon()
      const lost = (committing || transaction.lost !== undefined) && isConnectionLost(error)
      this.#release(client, lost || !transaction.reusable || !(await rollback(client)))
      if (!lost) throw busyOr(error)
      if (committing && !isNotSent(error)) throw new OutcomeUnknown('COMMIT', error)
      throw databaseUnavailable('its connection was lost before the commit', error)
    }
  }

  /**
   * Brings the schema up to the `NNNN-name.sql` files of a folder (migrations.ts). Returns the versions applied now.
   * Throws before it changes anything when the server is too old.
   */
  async migrate(folder: URL): Promise<readonly number[]> {
    const client = new pg.Client({ ...this.#config, query_timeout: 0 })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num')
      assertPostgresVersion(Number(rows[0]?.server_version_num), this.address)
      return await migrate(client, this.schema, folder, this.#options.log)
    } catch (error) {
      throw isConnectionLost(error) ? databaseUnavailable('while migrating', error) : error
    } finally {
      await client.end().catch(() => {})
    }
  }

  /**
   * Whether a commit that was acknowledged survives a power cut: fsync, full_page_writes and synchronous_commit on.
   * Throws in production, warns elsewhere.
   */
  async assertDurable({ production }: { readonly production: boolean }): Promise<void> {
    const rows = await this.query<{ name: string; setting: string }>({
      name: 'durability',
      text: `SELECT name, setting FROM pg_settings
              WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') ORDER BY name`,
      readOnly: true,
    })
    // remote_apply waits for the local disk and for standbys: more than on.
    const off = rows.filter(({ setting }) => setting !== 'on' && setting !== 'remote_apply')
    if (off.length === 0) return
    const found = off.map(({ name, setting }) => `${name} = ${setting}`).join(', ')
    const message = `PostgreSQL may lose acknowledged commits: expected fsync, full_page_writes and synchronous_commit on, got ${found}`
    if (production) throw new Error(message)
    this.#options.log.warn({ schema: this.schema }, message)
  }

  /** Rejects with a Fault DATABASE_UNAVAILABLE when the database cannot be asked. */
  async ping(): Promise<void> {
    await this.query({ name: 'ping', text: 'SELECT 1', readOnly: true })
  }

  /** Waits for the statements under way. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#gathered.values()].map(convoy => convoy.close()))
    await this.#pool.end()
  }

  #convoyOf(statement: GatheredStatement): StatementConvoy<object, readonly object[]> {
    const { name, batchMax = GATHERED_MAX, lanesMax, readOnly = false } = statement
    const convoy = new StatementConvoy<object, readonly object[]>({
      name: `${this.schema}.${name}`,
      batchMax,
      ...(lanesMax === undefined ? {} : { lanesMax }),
      isEqual: !readOnly,
      run: async items => {
        const answers: object[][] = items.map(() => [])
        const rows = await this.query<{ place: number }>(statement, [JSON.stringify(items)])
        for (const row of rows) answers[row.place - 1]!.push(row)
        return answers
      },
    })
    this.addQueue(name, convoy)
    return convoy
  }

  /** BEGIN changes nothing: tried until every connection that died idle is out of the pool. */
  async #begin(): Promise<pg.PoolClient> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#acquire()
      try {
        await client.query('BEGIN ISOLATION LEVEL READ COMMITTED')
        return client
      } catch (error) {
        this.#release(client, true)
        if (!isConnectionLost(error)) throw busyOr(error)
        if (attempt > this.poolMax) throw databaseUnavailable('its connection was lost', error)
      }
    }
  }

  async #acquire(): Promise<pg.PoolClient> {
    const { log } = this.#options
    if (this.#closing) throw databaseUnavailable('it is being closed')
    const turn = this.#turns.enter(urgencyNow())
    if (turn !== undefined) await turn
    try {
      const client = await this.#pool.connect()
      if (this.#reachable === false) log.info({ schema: this.schema }, 'the database is reachable again')
      this.#reachable = true
      return client
    } catch (error) {
      this.#turns.leave()
      if (this.#reachable) {
        log.warn({ schema: this.schema, reason: rootCause(error) }, 'cannot connect to the database')
        this.#reachable = false
      }
      throw databaseUnavailable('no connection', error)
    }
  }

  /** The connection first: whoever is next finds it idle. */
  #release(client: pg.PoolClient, isBroken = false): void {
    client.release(isBroken)
    this.#turns.leave()
  }
}

/**
 * Throws unless the pools of one process fit into the server together with a migrating session each and the
 * embedded server's owner: an exhausted server refuses whoever comes last, at the worst moment.
 *
 * @param processes how many processes like this one share the server
 */
export async function assertPoolsFit(databases: readonly Database[], processes = 1): Promise<void> {
  const [first] = databases
  if (!first) return
  const rows = await first.query<{ name: string; count: number }>({
    name: 'connection_limits',
    text: `SELECT name, setting::integer AS count FROM pg_settings
            WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')`,
    readOnly: true,
  })
  const limit = (name: string): number => rows.find(row => row.name === name)?.count ?? 0
  const room =
    limit('max_connections') - limit('superuser_reserved_connections') - limit('reserved_connections')
  const wanted = processes * databases.reduce((sum, { poolMax }) => sum + poolMax + 1, 0) + 1
  if (wanted > room) {
    throw new Error(
      `the pools (${databases.map(({ schema, poolMax }) => `${schema} ${poolMax}`).join(', ')}) want ${wanted} connections in ${processes} process(es), and PostgreSQL has ${room}: raise max_connections or lower poolMax`,
    )
  }
}

const WAITING_MAX = 2_000
/** As many as claims (coupon/claims.ts): a crowd's next step is one commit, and one more row costs some 0.1 ms. */
const GATHERED_MAX = 256
const ACQUIRE_WAIT_MS_MAX = 5_000

/** A connection that died idle is found out by its next user; what was not run, or changes nothing, is tried again. */
const attemptsMax = 2

/** What a transaction's work may do. */
class Transaction implements Queryable {
  readonly #client: pg.PoolClient
  #ended = false
  /** A statement is under way. */
  #busy = false
  /** The error that left the connection broken or in doubt, kept because the work may have caught it. */
  lost: unknown

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  async query<Row extends object = Record<string, unknown>>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    if (this.#ended) throw new Error(`statement ${statement.name} came after its transaction had ended`)
    if (this.#busy)
      throw new Error(`statement ${statement.name} came while another of its transaction was running`)
    this.#busy = true
    try {
      return await run<Row>(this.#client, statement, values)
    } catch (error) {
      if (mustDestroy(error)) this.lost = error
      throw error
    } finally {
      this.#busy = false
    }
  }

  /** Whether the connection can still be spoken to. */
  get reusable(): boolean {
    return !this.#busy && this.lost === undefined
  }

  end(): void {
    this.#ended = true
    if (this.#busy) throw new Error("a statement was still running when the transaction's work returned")
  }

  abandon(): void {
    this.#ended = true
  }
}

async function run<Row extends object>(
  client: pg.PoolClient,
  { name, text }: Statement,
  values: readonly unknown[],
): Promise<Row[]> {
  const result = await client.query<Row>({ name, text, values: values as unknown[] })
  return result.rows
}

/** Whatever PostgreSQL did not say itself (a broken socket, a value that pg could not read or write) leaves the session in doubt. */
const mustDestroy = (error: unknown): boolean =>
  isConnectionLost(error) || !(error instanceof pg.DatabaseError)

async function rollback(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    return true
  } catch {
    return false
  }
}

const busyOr = (error: unknown): unknown =>
  error instanceof pg.DatabaseError && isBusy(error)
    ? databaseUnavailable(`SQLSTATE ${sqlState(error)}`, error)
    : error

function clientConfig(options: DatabaseOptions): pg.ClientConfig {
  const { connection, schema, statementMsMax = 10_000, lockWaitMsMax = 2_000 } = options
  if (typeof connection === 'string' && /[?&]options=/.test(connection)) {
    throw new TypeError('expected a database URL without "options": it would replace the search_path')
  }
  return {
    ...(typeof connection === 'string' ? { connectionString: connection } : { ...connection, ssl: false }),
    application_name: `spillway-${schema}`,
    // Every statement of ours has its index. Planned while a table is small, it may get a sequential scan, and a prepared
    // statement keeps that plan while the table grows under a surge, until statistics are gathered.
    options: `-c search_path=${schema},pg_temp -c enable_seqscan=off`,
    types: columnTypes as pg.CustomTypesConfig,
    statement_timeout: statementMsMax,
    lock_timeout: lockWaitMsMax,
    idle_in_transaction_session_timeout: statementMsMax,
    // Only for a server that has fallen silent: the server's own limit comes first.
    query_timeout: statementMsMax + 5_000,
    connectionTimeoutMillis: options.acquireWaitMsMax ?? ACQUIRE_WAIT_MS_MAX,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
}
