import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { GATEWAY_VARIABLES, readConfig } from '../../gateway/config.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(text: string): string {
  const path = join(folder, 'config.json')
  writeFileSync(path, text)
  return path
}

test('an empty environment gives the defaults, and an empty variable counts as absent', () => {
  const defaults = {
    port: 4000,
    host: '0.0.0.0',
    production: false,
    supergraphPath: 'schema/supergraph.graphql',
    operationsPath: 'schema/operations.json',
    cachePolicyPath: 'schema/cache.json',
    overrideLabels: [],
    costMode: 'measure',
    costMax: undefined,
    redisUrl: undefined,
    safelist: 'off',
    logLevel: 'info',
    measuresLevel: true,
    identityKey: undefined,
    identityKeyPrevious: undefined,
    subgraphUrls: new Map(),
    file: {},
  }
  expect(readConfig({})).toEqual(defaults)
  expect(readConfig({ PORT: '', SUPERGRAPH: '', IDENTITY_KEY: '', SUBGRAPH_URL_COUPON: '' })).toEqual(
    defaults,
  )
})

test('our operations and cache policies go with our supergraph alone', () => {
  expect(readConfig({ SUPERGRAPH: 'other.graphql' }).operationsPath).toBeUndefined()
  expect(readConfig({ SUPERGRAPH: 'other.graphql' }).cachePolicyPath).toBeUndefined()
  expect(readConfig({ SUPERGRAPH: 'other.graphql', CACHE_POLICY: 'mine.json' }).cachePolicyPath).toBe(
    'mine.json',
  )
  expect(readConfig({ SUPERGRAPH: './schema/supergraph.graphql' }).operationsPath).toBe(
    'schema/operations.json',
  )
  expect(readConfig({ SUPERGRAPH: 'other.graphql', OPERATIONS: 'mine.json' }).operationsPath).toBe(
    'mine.json',
  )
})

test('labels are separated by commas', () => {
  expect(readConfig({ OVERRIDE_LABELS: ' beta, percent-free ,,' }).overrideLabels).toEqual([
    'beta',
    'percent-free',
  ])
})

test('rules for headers are read in one form, names in lower case', () => {
  const headers = {
    all: { propagate: ['Authorization', { name: 'X-Tenant', rename: 'Tenant' }, { matching: '^x-' }] },
    subgraphs: { products: { insert: { 'X-Gateway': 'spillway' } } },
  }
  expect(readConfig({ CONFIG: file(JSON.stringify({ headers })) }).file.headers).toEqual({
    all: {
      propagate: [{ name: 'authorization' }, { name: 'x-tenant', rename: 'tenant' }, { matching: /^x-/ }],
    },
    subgraphs: { products: { insert: { 'x-gateway': 'spillway' } } },
  })
})

test('what is set is read', () => {
  const environment = {
    PORT: '0',
    NODE_ENV: 'production',
    IDENTITY_KEY: 'k'.repeat(32),
    SUBGRAPH_URL_COUPON: 'http://coupon:4001/graphql',
    CONFIG: file('{"introspection": true, "corsOrigins": ["https://a.example"], "limits": {"depthMax": 5}}'),
    COST_MODE: 'enforce',
    COST_MAX: '500',
    REDIS_URL: 'redis://a:6379,redis://b:6379',
    UNRELATED: 'x',
  }
  expect(readConfig(environment)).toMatchObject({
    port: 0,
    production: true,
    costMode: 'enforce',
    costMax: 500,
    redisUrl: 'redis://a:6379,redis://b:6379',
    identityKey: 'k'.repeat(32),
    subgraphUrls: new Map([['COUPON', 'http://coupon:4001/graphql']]),
    file: { introspection: true, corsOrigins: ['https://a.example'], limits: { depthMax: 5 } },
  })
})

describe('what is wrong is named in our own words, and no secret shown', () => {
  test.each([
    [{ PORT: '70000' }, /^environment is not right: PORT: expected 0 to 65535, got "70000"$/],
    [{ PORT: 'abc' }, /PORT: expected 0 to 65535, got "abc"$/],
    [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL: expected one of fatal, .*, silent, got "loud"$/],
    [
      { IDENTITY_KEY: 'hunter2' },
      /^environment is not right: IDENTITY_KEY: expected at least 32 characters$/,
    ],
    [{ NODE_ENV: 'production' }, /^IDENTITY_KEY: expected in production/],
    [{ IDENTITY_KEY_PREVIOUS: 'k'.repeat(32) }, /^IDENTITY_KEY: expected beside IDENTITY_KEY_PREVIOUS/],
    [{ SURGE: 'maybe' }, /SURGE: expected one of on, off, got "maybe"$/],
    [{ SUBGRAPH_URL_COUPON: 'coupon:4001' }, /SUBGRAPH_URL_COUPON: expected an http or https URL/],
    [{ COST_MODE: 'strict' }, /COST_MODE: expected one of off, measure, enforce, got "strict"$/],
    [{ COST_MAX: '0' }, /COST_MAX: expected a positive integer, got "0"$/],
    [{ REDIS_URL: 'user:hunter2@redis' }, /REDIS_URL: expected redis:\/\/ or rediss:\/\/ URLs, [^2]*$/],
    [{ CONFIG: '/nowhere.json' }, /^CONFIG: cannot read \/nowhere.json as JSON/],
    [{ SAFELIST: 'on' }, /SAFELIST: expected one of off, audit, enforce, require-id, got "on"/],
    [{ PORT: '-1', LOG_LEVEL: 'loud' }, /PORT: .*; LOG_LEVEL: /],
  ])('%j', (environment, message) => {
    expect(() => readConfig(environment)).toThrow(message)
  })

  test.each([
    ['{', /as JSON/],
    ['[]', /config.json is not right: expected an object with members of introspection, .*, got \[\]$/],
    ['{"introspection": "yes"}', /introspection: expected true or false, got "yes"$/],
    ['{"intropsection": true}', /expected the members introspection, .*, got intropsection$/],
    ['{"limits": {"depthMax": 0}}', /limits.depthMax: expected a positive integer, got 0$/],
    ['{"limits": {"depth": 1}}', /limits: expected the members bodyBytesMax, .*, got depth$/],
    ['{"corsOrigins": "*"}', /corsOrigins: expected a list of origins, got "\*"$/],
    ['{"corsOrigins": ["*"]}', /corsOrigins.0/],
    ['{"corsOrigins": ["https://a.example/"]}', /corsOrigins.0: expected an origin/],
    [
      '{"cost": {"tiers": {"shopper": {"perSecond": 0, "burst": 1}}}}',
      /cost.tiers.shopper.perSecond: expected a positive number, got 0$/,
    ],
    ['{"cost": {"tiers": {"guest": {}}}}', /cost.tiers: expected the members shopper, .*, got guest$/],
    ['{"cost": {"subgraphs": {"a": {"max": -1}}}}', /cost.subgraphs.a.max: expected a positive integer/],
    ['{"partners": {}}', /partners: expected a list of keys, got \{\}$/],
    [
      '{"partners": [{"client": "acme", "keySha256": "spk_secret", "tier": "partner"}]}',
      /is not right: partners.0.keySha256: expected 64 lower-case hex digits: the SHA-256 of a key, not the key$/,
    ],
    [
      `{"partners": [{"client": "", "keySha256": "${'a'.repeat(64)}", "tier": "king"}]}`,
      /partners.0.client: expected a name of visible ASCII, got ""; partners.0.tier: expected one of partner, .*, got "king"$/,
    ],
    [
      `{"partners": [{"client": "a", "keySha256": "${'a'.repeat(64)}", "tier": "partner", "expiresAt": "soon"}]}`,
      /partners.0.expiresAt: expected an instant such as 2027-03-01T00:00:00\+08:00, got "soon"$/,
    ],
    [
      `{"partners": [${['a', 'b'].map(client => JSON.stringify({ client, keySha256: 'a'.repeat(64), tier: 'partner' })).join()}]}`,
      /partners: expected every key once$/,
    ],
    ['{"lineTerms": 600000}', /lineTerms: expected an object with members of horizonMs, .*, got 600000$/],
    ['{"lineTerms": {"graceMs": "2m"}}', /lineTerms.graceMs: expected a positive integer, got "2m"$/],
    [
      '{"lineTerms": {"slack": 1}}',
      /lineTerms: expected the members horizonMs, graceMs, placesMax, got slack$/,
    ],
    ['{"compression": true}', /compression: expected false, or an object with the member bytesMin/],
    [
      '{"cache": true}',
      /cache: expected false, or an object with positive integers as members of entriesMax, /,
    ],
    ['{"cache": {"ttl": 5}}', /cache: expected the members entriesMax, .*, got ttl$/],
    ['{"cache": {"entriesMax": 0}}', /cache.entriesMax: expected a positive integer, got 0$/],
    [
      '{"subgraphs": {"a": {"requestMsMax": 0}}}',
      /subgraphs.a.requestMsMax: expected a positive integer, got 0$/,
    ],
    ['{"subgraphs": {"a": {"timeout": 1}}}', /subgraphs.a: expected the members requestMsMax, got timeout$/],
    [
      '{"headers": {"all": {"forward": []}}}',
      /headers.all: expected the members propagate, insert, got forward$/,
    ],
    [
      '{"headers": {"all": {"propagate": ["Content-Length"]}}}',
      /headers.all.propagate.0.name: expected a header that is not the connection's or the gateway's own, got "content-length"$/,
    ],
    [
      '{"headers": {"all": {"propagate": [{"name": "a", "rename": "spillway-identity"}]}}}',
      /headers.all.propagate.0.rename: expected a header that is not .*, got "spillway-identity"$/,
    ],
    [
      '{"headers": {"all": {"insert": {"host": "a"}}}}',
      /headers.all.insert.host: expected the name of a header that is not /,
    ],
    [
      '{"headers": {"subgraphs": {"a": {"propagate": [{"matching": "("}]}}}}',
      /headers.subgraphs.a.propagate.0.matching: expected a regular expression: /,
    ],
    [
      '{"headers": {"all": {"propagate": [{"name": "a", "matching": "b"}]}}}',
      /headers.all.propagate.0: expected either name or matching, got /,
    ],
    [
      '{"headers": {"all": {"propagate": [{}]}}}',
      /headers.all.propagate.0: expected either name or matching, got /,
    ],
    [
      '{"headers": {"all": {"propagate": [{"matching": "b", "default": "c"}]}}}',
      /headers.all.propagate.0: expected rename and default beside name only, got /,
    ],
    [
      '{"headers": {"all": {"insert": {"a": "\\n"}}}}',
      /headers.all.insert.a: expected a value of visible ASCII$/,
    ],
  ])('the file %s', (text, message) => {
    expect(() => readConfig({ CONFIG: file(text) })).toThrow(message)
  })
})

test('the help and the README name the same variables', () => {
  const readme = readFileSync(new URL('../../gateway/README.md', import.meta.url), 'utf8')
  const table = readme.slice(readme.indexOf('## Settings'), readme.indexOf('## Error codes'))
  const rows = [...table.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell as string)
  const documented = rows.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name))
  expect(documented.toSorted()).toEqual(GATEWAY_VARIABLES.map(([name]) => name).toSorted())
})
