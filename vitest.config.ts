import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** What needs no PostgreSQL: the rules of the house, the schema's tools, the files for deployment, how benches count. */
const house = [
  'test/tidy.test.ts',
  'test/schema/**/*.test.ts',
  'test/deploy/**/*.test.ts',
  'test/bench/*/*.test.ts',
]

/** What takes the whole machine: after everything else, by itself. */
const alone = ['test/replay/replay.whole.test.ts']

const config: ViteUserConfig = defineConfig({
  // As Node resolves: otherwise our files get graphql's .mjs and our dependencies its .js, two graphqls in a process.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    // A process a file: tests kill servers, shift clocks and count connections.
    pool: 'forks',
    maxWorkers: 2,
    // Guards against a hang, and proves no speed.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'house', include: house } },
      {
        extends: true,
        test: {
          name: 'product',
          include: ['test/**/*.test.ts'],
          exclude: [...house, ...alone, 'test/bench/**'],
          globalSetup: ['test/harness/postgres-setup.ts', 'test/harness/redis-setup.ts'],
        },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
})

export default config
