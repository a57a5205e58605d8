import { describe, expect, test } from 'vitest'
import { subgraphSettings } from '../../subgraphs/settings.ts'

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

  test.each<[string, Record<string, string>, RegExp]>([
    ['a key that is too short', { IDENTITY_KEY: 'short' }, /\n {2}IDENTITY_KEY: .*32/],
    ['no key in production', { NODE_ENV: 'production' }, /\n {2}IDENTITY_KEY: needed in production/],
    ['an old key alone', { IDENTITY_KEY_PREVIOUS: KEY }, /\n {2}IDENTITY_KEY: needed beside/],
    [
      'a peer that is nowhere',
      { SUBGRAPH_URL_COUPON: '' },
      /\n {2}SUBGRAPH_URL_COUPON: payment calls coupon/,
    ],
    ['a peer that is no URL', { SUBGRAPH_URL_CATALOG: 'catalog' }, /\n {2}SUBGRAPH_URL_CATALOG: /],
    ['a database of another make', { DATABASE_URL: 'mysql://x' }, /\n {2}DATABASE_URL: expected a postgres:/],
    ['a port beyond all ports', { PORT: '65536' }, /\n {2}PORT: /],
    ['a pool of none', { POOL_MAX: '0' }, /\n {2}POOL_MAX: /],
    ['several at once', { PORT: 'x', SEED: 'yes' }, /PORT: .*\n {2}SEED: /],
  ])('%s is refused by name', (_, environment, message) => {
    expect(() => settings(environment)).toThrow(message)
  })
})
