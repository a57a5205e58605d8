import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**'],
    globalSetup: ['test/harness/postgres-setup.ts'],
    // A process a file: tests kill servers, shift clocks and count connections.
    pool: 'forks',
    maxWorkers: 2,
    // Guards against a hang, and proves no speed.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

export default config
