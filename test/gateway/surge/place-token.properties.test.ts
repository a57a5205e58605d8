import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPlaceTokens } from '../../../gateway/surge/place-token.ts'

const SEED = 20_270_206

const KEY = fc.string({ minLength: 32, maxLength: 64, unit: 'grapheme-ascii' })
const EPOCH = fc.string({
  minLength: 1,
  maxLength: 16,
  unit: fc.constantFrom(...'abcXYZ0189_-'),
})
const PLACE = fc.record({
  epoch: EPOCH,
  instantMs: fc.integer({ min: -1e12, max: 4e12 }),
  shiftMs: fc.integer({ min: -1e12, max: 1e12 }),
})
/** Such as keys and callers are made of, and what stands between them in what is signed. */
const NAME = fc.string({ maxLength: 20, unit: fc.constantFrom(...'ab:.=@#~129') })
const TOKEN_CHARACTERS = [...'ABCxyz0189_-.=p\n é']

const cases = fc.record({ key: KEY, place: PLACE, line: NAME, caller: NAME })

test('what was signed is read as it was, and short', () => {
  fc.assert(
    fc.property(cases, ({ key, place, line, caller }) => {
      const tokens = createPlaceTokens([key])
      const token = tokens.sign(place, line, caller)
      expect(token).toMatch(/^[\w.-]{1,68}$/)
      expect(tokens.read(token, line, caller)).toEqual(place)
    }),
    { seed: SEED, numRuns: 500 },
  )
})

test('changed by a character anywhere, cut or extended it is no place', () => {
  const change = fc.record({
    kind: fc.constantFrom('flip', 'cut', 'insert', 'append', 'prepend'),
    at: fc.nat(),
    by: fc.constantFrom(...TOKEN_CHARACTERS),
  })
  const changed = (token: string, { kind, at, by }: { kind: string; at: number; by: string }): string => {
    const i = at % token.length
    switch (kind) {
      case 'flip':
        return token.slice(0, i) + by + token.slice(i + 1)
      case 'cut':
        return token.slice(0, i)
      case 'insert':
        return token.slice(0, i) + by + token.slice(i)
      case 'append':
        return token + by
      default:
        return by + token
    }
  }
  fc.assert(
    fc.property(cases, change, ({ key, place, line, caller }, how) => {
      const tokens = createPlaceTokens([key])
      const token = tokens.sign(place, line, caller)
      const other = changed(token, how)
      fc.pre(other !== token)
      expect(['MALFORMED', 'FOREIGN']).toContain(tokens.read(other, line, caller))
    }),
    { seed: SEED, numRuns: 2_000 },
  )
})

test('every single character of a token counts', () => {
  const tokens = createPlaceTokens(['k'.repeat(32)])
  const token = tokens.sign({ epoch: 'e', instantMs: 1_803_211_507_250, shiftMs: 3 }, 'line', 'caller')
  for (let i = 0; i < token.length; i++)
    for (const by of '0aZ_-.') {
      const other = token.slice(0, i) + by + token.slice(i + 1)
      if (other !== token) expect(tokens.read(other, 'line', 'caller')).toBeTypeOf('string')
    }
})

test('for another caller, line or key it is foreign', () => {
  fc.assert(
    fc.property(cases, cases, (a, b) => {
      const token = createPlaceTokens([a.key]).sign(a.place, a.line, a.caller)
      const isSame = a.line === b.line && a.caller === b.caller
      const other = createPlaceTokens([a.key]).read(token, b.line, b.caller)
      expect(other).toEqual(isSame ? a.place : 'FOREIGN')
      fc.pre(a.key !== b.key)
      expect(createPlaceTokens([b.key]).read(token, a.line, a.caller)).toBe('FOREIGN')
    }),
    { seed: SEED, numRuns: 500 },
  )
})

test('whatever is shown gives an answer', () => {
  const tokens = createPlaceTokens(['k'.repeat(32)])
  const near = fc.string({ maxLength: 80, unit: fc.constantFrom(...TOKEN_CHARACTERS) })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 100 }),
        near,
        near.map(text => `p1.${text}`),
      ),
      shown => {
        expect(['MALFORMED', 'FOREIGN']).toContain(tokens.read(shown, 'line', 'caller'))
      },
    ),
    { seed: SEED, numRuns: 2_000 },
  )
})
