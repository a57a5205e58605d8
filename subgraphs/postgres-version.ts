/** The migrations use what came with it, such as the collation `pg_c_utf8`. */
const MAJOR_MIN = 17

/**
 * Refuses a server that is too old for the migrations, before any of them is begun.
 *
 * @param versionNum its `server_version_num`, such as 180004
 * @param address host:port, for the message
 * @throws Error that names what is needed and what the server is
 */
export function assertPostgresVersion(versionNum: number, address: string): void {
  if (versionNum >= MAJOR_MIN * 10_000) return
  throw new Error(`PostgreSQL ${MAJOR_MIN} or later is needed, ${address} is ${versionText(versionNum)}`)
}

/** Two parts since version 10 (150018 is 15.18), three before (90624 is 9.6.24). */
function versionText(versionNum: number): string {
  const major = Math.floor(versionNum / 10_000)
  const rest = versionNum % 10_000
  return major >= 10 ? `${major}.${rest}` : `${major}.${Math.floor(rest / 100)}.${rest % 100}`
}
