import { expect, it, test } from 'vitest'
import { DEFAULT_TIERS } from '../../gateway/cost-settings.ts'
import { pursesOf } from '../../gateway/purse.ts'
import { ANONYMOUS, type Caller } from '../../protocol/caller.ts'

const purseOf = pursesOf(DEFAULT_TIERS)
const ALICE: Caller = { kind: 'shopper', shopperId: 'alice', client: 'qwen', scopes: [], tier: 'shopper' }
const partner = (client: string): Caller => ({ kind: 'anonymous', client, scopes: [], tier: 'partner' })
const keysOf = (caller: Caller): string[] => purseOf(caller, '10.0.0.1').buckets.map(({ key }) => key)

it.each<[string, Caller, string, string[]]>([
  ['a shopper', ALICE, 'shopper:alice', ['shopper:alice']],
  [
    'a shopper through a chatbot',
    { ...ALICE, tier: 'chatbot' },
    'shopper:alice',
    ['shopper:alice', 'client:qwen'],
  ],
  [
    'a shopper through a partner',
    { ...ALICE, tier: 'partner' },
    'shopper:alice',
    ['shopper:alice', 'client:qwen'],
  ],
  // The same shopper is one caller to limits of fields, whichever budget is theirs.
  ['a shopper who develops', { ...ALICE, tier: 'developer' }, 'shopper:alice', ['developer:alice']],
  ['a partner', partner('Acme'), 'client:Acme', ['client:Acme']],
  // Its name is that of nobody; its key is not.
  ['a partner of the name unknown', partner('unknown'), 'client:unknown', ['client:unknown']],
  ['an operator', { ...partner('ops'), kind: 'operator' }, 'client:ops', []],
  ['whoever has no name', ANONYMOUS, 'address:10.0.0.1', ['address:10.0.0.1']],
])('%s is known, and pays, by name', (_, caller, key, keys) => {
  expect(purseOf(caller, '10.0.0.1').key).toBe(key)
  expect(keysOf(caller)).toEqual(keys)
})

test('every key is one that budgets take, and of two names never the same', () => {
  const names = ['', ' ', 'a b', '通义千问', '通义千問', '\n', '{0}', '#', '测'.repeat(128), 'é']
  const keys = names.flatMap(name => keysOf(partner(name)))
  for (const key of keys) expect(key).toMatch(/^client:[\x20-\x7e]{0,128}$/)
  // Whoever takes the name that another's key has.
  const all = new Set([...names, ...keys.map(key => key.slice('client:'.length))])
  expect(new Set([...all].flatMap(name => keysOf(partner(name)))).size).toBe(all.size)
})
