import { describe, expect, it } from 'vitest'
import { lineStatusIn } from '../../gateway/status-answer.ts'

const flowing = { remaining: 5, isPaused: false, noticeZh: undefined, noticeEn: undefined }

describe('lineStatusIn', () => {
  it('reads the outermost object that says how much remains, wherever it stands', () => {
    expect(lineStatusIn({ stock: { remaining: 5 } })).toEqual(flowing)
    expect(lineStatusIn({ a: { b: { remaining: 1 } }, c: { remaining: 5, d: { remaining: 2 } } })).toEqual(
      flowing,
    )
    expect(lineStatusIn({ shops: [{ name: 'a' }, { remaining: 5 }] })).toEqual(flowing)
  })

  it.each(['OPEN', 'ACTIVE'])('takes the state %s as flowing', state =>
    expect(lineStatusIn({ issuance: { remaining: 5, state } })).toEqual(flowing),
  )

  it.each(['PAUSED', 'CLOSED', 'ENDED', 'DRAFT', 'whatever'])('takes the state %s as paused', state =>
    expect(lineStatusIn({ issuance: { remaining: 5, state } })).toEqual({ ...flowing, isPaused: true }),
  )

  it('passes on the words of who paused it, and never less than nothing', () =>
    expect(
      lineStatusIn({ i: { remaining: -1, state: 'PAUSED', noticeZh: '请稍候', noticeEn: 'Please wait' } }),
    ).toEqual({ remaining: 0, isPaused: true, noticeZh: '请稍候', noticeEn: 'Please wait' }))

  it.each([
    null,
    undefined,
    {},
    { campaign: null },
    { campaign: { issuance: null } },
    { a: { remaining: '5' } },
    { a: [] },
  ])('finds nothing in %j', data => expect(lineStatusIn(data)).toBeUndefined())
})
