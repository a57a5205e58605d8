import { expect, test } from 'vitest'
import { assertPostgresVersion } from '../../subgraphs/postgres-version.ts'

test.each([170_000, 170_006, 180_004, 190_000])('server_version_num %i will do', versionNum => {
  expect(() => assertPostgresVersion(versionNum, 'db:5432')).not.toThrow()
})

test.each([
  [169_999, '16.9999'],
  [160_010, '16.10'],
  [150_018, '15.18'],
  [100_000, '10.0'],
  [90_624, '9.6.24'],
])('server_version_num %i is refused as %s', (versionNum, version) => {
  expect(() => assertPostgresVersion(versionNum, 'db:5432')).toThrow(
    new Error(`PostgreSQL 17 or later is needed, db:5432 is ${version}`),
  )
})
