import { describe, expect, test } from 'vitest'
import { SUBGRAPHS } from '../../subgraphs/registry.ts'
import { SUBGRAPH_VARIABLES, subgraphSettings } from '../../subgraphs/settings.ts'

const KEY = 'k'.repeat(32)
const DATABASE_URL = 'postgres://postgres@127.0.0.1/spillway'
const PEERS = {
  SUBGRAPH_URL_COUPON: 'http://coupon:4000/graphql',
  SUBGRAPH_URL_CATALOG: 'http://catalog:4000/graphql',
}

const settings = (environment: Record<string, string>) =>
  subgraphSettings('payment', ['coupon', 'catalog'], { DATABASE_URL, ...PEERS, ...environment })

describe('settings', () => {
  test('outside production little is needed, and an empty variable is one that is not set', () => {
    const { peerUrls, ...rest } = settings({ IDENTITY_KEY: '', PORT: '', SEED: '' })
    expect(rest).toEqual({
      production: false,
      host: '127.0.0.1',
      port: 0,
      databaseUrl: DATABASE_URL,
      poolMax: 8,
      identityKeys: [],
      seed: true,
      logLevel: 'info',
    })
    expect([...peerUrls]).toEqual([
      ['coupon', PEERS.SUBGRAPH_URL_COUPON],
      ['catalog', PEERS.SUBGRAPH_URL_CATALOG],
    ])
  })

  test('the current key comes first, and production fills no empty database unasked', () => {
    const given = { NODE_ENV: 'production', IDENTITY_KEY: KEY, IDENTITY_KEY_PREVIOUS: 'p'.repeat(32) }
    expect(settings(given)).toMatchObject({
      identityKeys: [KEY, 'p'.repeat(32)],
      seed: false,
      production: true,
    })
  })

  test.each<[string, Record<string, string>, string]>([
    [
      'a key that is too short',
      { IDENTITY_KEY: 'sesame' },
      'IDENTITY_KEY: expected 32 characters or more, got 6',
    ],
    [
      'no key in production',
      { NODE_ENV: 'production' },
      'IDENTITY_KEY: needed in production, or anyone could act as any shopper',
    ],
    [
      'an old key alone',
      { IDENTITY_KEY_PREVIOUS: KEY },
      'IDENTITY_KEY: needed beside IDENTITY_KEY_PREVIOUS, which only tells what was signed before',
    ],
    [
      'a peer that is nowhere',
      { SUBGRAPH_URL_COUPON: '' },
      'SUBGRAPH_URL_COUPON: payment calls coupon, say where it is',
    ],
    [
      'a peer that is no URL',
      { SUBGRAPH_URL_CATALOG: 'catalog' },
      'SUBGRAPH_URL_CATALOG: expected an http:// or https:// URL, got something else',
    ],
    ['no database', { DATABASE_URL: '' }, 'DATABASE_URL: expected a postgres:// URL, got nothing'],
    [
      'a database of another make, whose password stays unsaid',
      { DATABASE_URL: 'mysql://root:sesame@db' },
      'DATABASE_URL: expected a postgres:// URL, got something else',
    ],
    ['a port beyond all ports', { PORT: '65536' }, 'PORT: expected 0 to 65535, got "65536"'],
    ['half a port', { PORT: '80.5' }, 'PORT: expected 0 to 65535, got "80.5"'],
    ['a pool of none', { POOL_MAX: '0' }, 'POOL_MAX: expected 1 to 64, got "0"'],
    [
      'a level that is none',
      { LOG_LEVEL: 'loud' },
      'LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent, got "loud"',
    ],
    [
      'several at once',
      { PORT: 'abc', SEED: 'yes' },
      'PORT: expected 0 to 65535, got "abc"\n  SEED: expected true or false, got "yes"',
    ],
  ])('%s is refused by name, with what was expected', (_, environment, message) => {
    expect(() => settings(environment)).toThrow(new Error(`the settings do not hold:\n  ${message}`))
  })

  test('the variables tell what is needed, by whom, and what holds when it is left out', () => {
    const purposes = Object.fromEntries(SUBGRAPH_VARIABLES.map(({ name, purpose }) => [name, purpose]))
    expect(purposes).toMatchObject({
      DATABASE_URL: expect.stringMatching(/^needed: /),
      PORT: 'port to listen on; 0 takes a free one (default: 0)',
      SUBGRAPH_URL_COUPON: expect.stringContaining('needed by campaign and payment'),
      SUBGRAPH_URL_CATALOG: expect.stringContaining('needed by payment'),
      LOG_LEVEL: expect.stringMatching(/^least level .* \(default: info\)$/),
    })
  })

  test('they name the subgraphs that call each peer', () => {
    for (const [name, { calls }] of Object.entries(SUBGRAPHS)) {
      for (const peer of calls) {
        const variable = SUBGRAPH_VARIABLES.find(({ name }) => name === `SUBGRAPH_URL_${peer.toUpperCase()}`)
        expect(variable?.purpose.split('needed by ')[1]).toContain(name)
      }
    }
  })
})
