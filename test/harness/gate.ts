import pg from 'pg'
import type { PostgresConnection } from '../../subgraphs/embedded-postgres.ts'
import { until } from './postgres.ts'

/**
 * Holds a table (`schema.name`) against everybody who would change it, runs `act` when `waiting` statements stand before
 * it, and lets go. What kills somebody in `act` kills them in the middle of just that change; when PostgreSQL lives on,
 * the statement that was waiting is carried out after its sender's death.
 */
export async function whileWritesWait(
  connection: PostgresConnection,
  table: string,
  waiting: number,
  act: () => Promise<void>,
): Promise<void> {
  const holder = new pg.Client({ ...connection, ssl: false })
  holder.on('error', () => {})
  await holder.connect()
  try {
    await holder.query('BEGIN')
    await holder.query(`LOCK TABLE ${table} IN EXCLUSIVE MODE`)
    await until(`${waiting} statements that wait to write ${table}`, async () => {
      const { rows } = await holder.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_locks WHERE relation = $1::regclass AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        [table],
      )
      return (rows[0]?.count ?? 0) >= waiting
    })
    await act()
  } finally {
    // Its end is the transaction's. When the server was killed there is nobody to say goodbye to.
    await holder.end().catch(() => {})
  }
}
