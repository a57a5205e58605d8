import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import type pg from 'pg'
import type { Logger } from 'pino'

/** One `NNNN-name.sql` file. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly text: string
  /** Hex, over the text with line ends as \n. */
  readonly sha256: string
}

/** The database and the code disagree about what was migrated. Nothing was changed; a person must decide. */
export class MigrationRefused extends Error {
  constructor(schema: string, why: string) {
    super(`schema ${schema} cannot be migrated: ${why}`)
    this.name = 'MigrationRefused'
  }
}

/** "MIGR": the first half of the advisory lock; the second is the schema's hash. */
const lockClass = 0x4d494752
/** Another starter's migrations. */
const lockWaitMsMax = 120_000
/** One statement's wait for a table in use. */
const tableWaitMsMax = 10_000

/**
 * Brings `schema` up to the files of `folder`, creating it when absent: `clock.sql` beside this file as version 0,
 * then each file in a transaction of its own, together with its row in `migration`. Starters of many processes
 * queue on a session advisory lock, and whoever comes later finds nothing to do.
 *
 * @param client a session of its own: its settings are changed. Its search_path is the schema.
 * @returns the versions applied now
 * @throws MigrationRefused when an applied file was changed or is missing, when the database is newer than the code,
 *   when a file comes before one that is applied already, or when a file ends its own transaction
 */
export async function migrate(
  client: pg.Client,
  schema: string,
  folder: URL,
  log: Logger,
): Promise<readonly number[]> {
  const migrations = await readMigrations(schema, folder)
  await client.query(`SET statement_timeout = 0; SET lock_timeout = ${lockWaitMsMax}`)
  await client.query('SELECT pg_advisory_lock($1, hashtext($2))', [lockClass, schema])
  try {
    await client.query(`SET lock_timeout = ${tableWaitMsMax}`)
    await createSchema(client, schema)
    const pending = await findPending(client, schema, migrations)
    for (const migration of pending) {
      const startedMs = performance.now()
      await apply(client, schema, migration)
      const tookMs = Math.round(performance.now() - startedMs)
      log.info({ schema, version: migration.version, migration: migration.name, tookMs }, 'migrated')
    }
    return pending.map(({ version }) => version)
  } finally {
    // Fails only when the session is gone, and the lock with it.
    await client.query('SELECT pg_advisory_unlock($1, hashtext($2))', [lockClass, schema]).catch(() => {})
  }
}

async function readMigrations(schema: string, folder: URL): Promise<readonly Migration[]> {
  const base = folder.href.endsWith('/') ? folder : new URL(`${folder.href}/`)
  const names = (await readdir(base)).filter(name => name.endsWith('.sql')).sort()
  const files = await Promise.all(
    names.map(async file => {
      const [, digits, name] = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file) ?? []
      if (!digits || !name || digits === '0000') {
        throw new MigrationRefused(schema, `expected files named 0001-words.sql and up, got ${file}`)
      }
      return migration(Number(digits), name, await readFile(new URL(file, base), 'utf8'))
    }),
  )
  const clock = migration(0, 'clock', await readFile(new URL('clock.sql', import.meta.url), 'utf8'))
  const all = [clock, ...files]
  for (const [index, { version, name }] of all.entries()) {
    if (version !== index) {
      throw new MigrationRefused(schema, `expected version ${index} next, got ${version} (${name})`)
    }
  }
  return all
}

function migration(version: number, name: string, raw: string): Migration {
  const text = raw.replaceAll('\r\n', '\n')
  return { version, name, text, sha256: createHash('sha256').update(text).digest('hex') }
}

async function createSchema(client: pg.Client, schema: string): Promise<void> {
  // Asked first: IF NOT EXISTS wants the right to create even when there is nothing to create.
  const { rows } = await client.query('SELECT to_regnamespace($1) IS NOT NULL AS there', [schema])
  if (!rows[0].there) await client.query(`CREATE SCHEMA ${schema}`)
  await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.migration (
    version integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`)
}

async function findPending(
  client: pg.Client,
  schema: string,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const { rows } = await client.query<{ version: number; name: string; sha256: string }>(
    'SELECT version, name, sha256 FROM migration ORDER BY version',
  )
  for (const [index, row] of rows.entries()) {
    const known = migrations[row.version]
    if (!known) {
      throw new MigrationRefused(
        schema,
        `the database has version ${row.version} (${row.name}), and this code ends at ${migrations.length - 1}: start the newer code`,
      )
    }
    if (row.version !== index) {
      throw new MigrationRefused(schema, `the database has version ${row.version} but not ${index}`)
    }
    if (known.sha256 !== row.sha256) {
      throw new MigrationRefused(
        schema,
        `version ${row.version} (${row.name}) was applied with sha256 ${row.sha256}, and the file now has ${known.sha256}: put it back and add a new file`,
      )
    }
  }
  return migrations.slice(rows.length)
}

async function apply(
  client: pg.Client,
  schema: string,
  { version, name, text, sha256 }: Migration,
): Promise<void> {
  await client.query('BEGIN')
  try {
    const before = await transactionId(client)
    await client.query(text)
    if ((await transactionId(client)) !== before) {
      throw new MigrationRefused(
        schema,
        `version ${version} (${name}) ends its transaction: leave out BEGIN and COMMIT`,
      )
    }
    await client.query(`INSERT INTO ${schema}.migration (version, name, sha256) VALUES ($1, $2, $3)`, [
      version,
      name,
      sha256,
    ])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    if (error instanceof MigrationRefused) throw error
    throw new Error(`schema ${schema}: version ${version} (${name}) failed: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

async function transactionId(client: pg.Client): Promise<string> {
  const { rows } = await client.query('SELECT pg_current_xact_id()::text AS id')
  return rows[0].id
}
