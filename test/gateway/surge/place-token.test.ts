import { createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createPlaceTokens } from '../../../gateway/surge/place-token.ts'

const KEY = 'a key of this fleet, 32 characters at least'
const OTHER_KEY = 'the key of another fleet, as long as this one'
const LINE = 'Mutation.claimCoupon:input.campaignId=campaign_spring-festival'
const ALICE = 'shopper:alice'
const PLACE = { epoch: 'e3_f-9', instantMs: 1_803_211_507_250, shiftMs: 61_000 }

const tokens = createPlaceTokens([KEY])

test('a token is the place and an HMAC of it, its line and its caller, in 50 characters', () => {
  const signed = `p1.e3_f-9.${PLACE.instantMs.toString(36)}.${PLACE.shiftMs.toString(36)}`
  const key = Buffer.from(hkdfSync('sha256', KEY, '', 'spillway place token p1', 32))
  const mac = createHmac('sha256', key).update(`${signed}.${LINE.length}.${LINE}.13.${ALICE}`)
  const token = tokens.sign(PLACE, LINE, ALICE)
  expect(token).toBe(`${signed}.${mac.digest('base64url').slice(0, 22)}`)
  expect(token.length).toBeLessThanOrEqual(50)
  expect(tokens.read(token, LINE, ALICE)).toEqual(PLACE)
})

test('the promised instant is never earlier for having been written down', () => {
  const read = tokens.read(
    tokens.sign({ epoch: 'e', instantMs: 1_000.25, shiftMs: 7.5 }, LINE, ALICE),
    LINE,
    ALICE,
  )
  expect(read).toEqual({ epoch: 'e', instantMs: 1_000, shiftMs: 8 })
})

test('while keys are changed the tokens of both are good, and new ones are of the first', () => {
  const old = tokens.sign(PLACE, LINE, ALICE)
  const changing = createPlaceTokens([OTHER_KEY, KEY])
  const changed = createPlaceTokens([OTHER_KEY])
  expect(changing.read(old, LINE, ALICE)).toEqual(PLACE)
  expect(changed.read(old, LINE, ALICE)).toBe('FOREIGN')
  expect(changed.read(changing.sign(PLACE, LINE, ALICE), LINE, ALICE)).toEqual(PLACE)
})

test('of another caller, of another line, or of both run into one another, a token is foreign', () => {
  const token = tokens.sign(PLACE, LINE, ALICE)
  expect(tokens.read(token, LINE, 'shopper:bob')).toBe('FOREIGN')
  expect(tokens.read(token, 'Mutation.claimCoupon:input.campaignId=other', ALICE)).toBe('FOREIGN')
  expect(tokens.read(tokens.sign(PLACE, 'ab', 'c'), 'a', 'bc')).toBe('FOREIGN')
  expect(tokens.read(tokens.sign(PLACE, 'x.5.y', 'z'), 'x', 'y.1.z')).toBe('FOREIGN')
})

describe('what is no token is malformed', () => {
  const mac = 'A'.repeat(22)
  test.each([
    ['nothing', ''],
    ['another version', `p2.e.1.1.${mac}`],
    ['an epoch that is too long', `p1.${'e'.repeat(17)}.1.1.${mac}`],
    ['an instant in capitals', `p1.e.1A.1.${mac}`],
    ['an instant with zeros before it', `p1.e.01.1.${mac}`],
    ['minus nothing', `p1.e.-0.1.${mac}`],
    ['an instant that doubles cannot count', `p1.e.zzzzzzzzzzz.1.${mac}`],
    ['a shift that is missing', `p1.e.1..${mac}`],
    ['a short signature', `p1.e.1.1.${mac.slice(1)}`],
    ['a padded signature', `p1.e.1.1.${mac}=`],
    ['other text', '我的位置'],
    ['half of a surrogate pair', `p1.e.1.1.${mac.slice(1)}\ud800`],
    ['a megabyte', 'p1.'.repeat(350_000)],
    ['what has a line end behind it', `p1.e.1.1.${mac}\n`],
  ])('%s', (_, token) => expect(tokens.read(token, LINE, ALICE)).toBe('MALFORMED'))
})

test('keys that are none refuse to start', () => {
  expect(() => createPlaceTokens([])).toThrow('expected at least one key for place tokens, got none')
  expect(() => createPlaceTokens([KEY, 'short'])).toThrow('at least 32 characters, got 5')
})

test.each([
  ['an epoch with a dot', { ...PLACE, epoch: 'a.b' }],
  ['no epoch', { ...PLACE, epoch: '' }],
  ['an instant that never comes', { ...PLACE, instantMs: Number.POSITIVE_INFINITY }],
  ['a shift that is no number', { ...PLACE, shiftMs: Number.NaN }],
])('%s is not signed', (_, place) =>
  expect(() => tokens.sign(place, LINE, ALICE)).toThrow('expected an epoch and two finite instants'),
)
