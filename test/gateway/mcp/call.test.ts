import { describe, expect, it } from 'vitest'
import { keptPlaceFault, type PlaceTold, placeExtension } from '../../../gateway/kept-place.ts'
import { placeWords } from '../../../gateway/kept-place-words.ts'
import { answer } from '../../../gateway/mcp/call.ts'
import type { Outcome } from '../../../gateway/request.ts'
import { ANONYMOUS } from '../../../protocol/caller.ts'

const TOLD: PlaceTold = {
  token: 'p1.e.1.0.bDDa8hogjoci_9UqfvidPt',
  admitAtMs: Date.parse('2027-02-06T12:15:06.400Z'),
  retryAfterMs: 40_200,
  position: 12,
}
const { zh: messageZh, en: messageEn } = placeWords(TOLD)
const extensions = { place: placeExtension(TOLD) }

const AS_DATA: Outcome = { data: { claim: { __typename: 'KeptPlace', messageZh, messageEn } }, extensions }
const WITHOUT_WORDS: Outcome = { data: { claim: { __typename: 'KeptPlace' } }, extensions }
const { message, extensions: ofFault } = keptPlaceFault(TOLD)
const AS_ERROR: Outcome = { errors: [{ message, extensions: ofFault }], extensions }

function told(outcome: Outcome, tokenArgument?: string) {
  const { content, isError } = answer(outcome, ANONYMOUS, tokenArgument)
  expect(content).toHaveLength(1)
  const [json, zh, en, ...more] = content[0].text.split('\n')
  expect(more).toEqual([])
  expect(JSON.parse(json!)).toEqual(outcome)
  return { isError, zh, en }
}

describe('a kept place is a success, told in one text', () => {
  it.each([
    ['as data', AS_DATA],
    ['as an error', AS_ERROR],
  ])('%s: when to come back, with which token, and not before', (_, outcome) => {
    expect(told(outcome, 'placeToken')).toEqual({
      isError: false,
      zh: `${messageZh}（给智能体：届时再调用本工具一次，参数不变，并加上 placeToken "${TOLD.token}"；此前不要调用。）`,
      en: `${messageEn} (For the agent: call this tool once more then, with the same arguments and placeToken "${TOLD.token}"; do not call it before.)`,
    })
  })

  it('as data without words', () => {
    expect(told(WITHOUT_WORDS, 'input.placeToken')).toEqual({
      isError: false,
      zh: `排队位置已保留，请在41秒后再来。（给智能体：届时再调用本工具一次，参数不变，并加上 input.placeToken "${TOLD.token}"；此前不要调用。）`,
      en: `A place in line is kept: come back in 41 s. (For the agent: call this tool once more then, with the same arguments and input.placeToken "${TOLD.token}"; do not call it before.)`,
    })
  })

  it('of a tool that takes no token, without one', () => {
    expect(told(AS_ERROR)).toEqual({
      isError: false,
      zh: `${messageZh}（给智能体：届时再调用本工具一次，参数不变；此前不要调用。）`,
      en: `${messageEn} (For the agent: call this tool once more then, with the same arguments; do not call it before.)`,
    })
  })

  it('and no place kept is none', () => {
    const { isError, en } = told({ errors: AS_ERROR.errors! }, 'placeToken')
    expect(isError).toBe(true)
    expect(en).not.toContain('For the agent')
  })
})
