import { expect, test } from 'vitest'
import { createIdentityAlarm } from '../../../gateway/telemetry/identity-alarm.ts'
import { createLogger } from '../../../gateway/telemetry/log.ts'

test('a refusal is logged once a minute a subgraph, in words about the setting', () => {
  const lines: { level: number; msg: string }[] = []
  const logger = createLogger({ destination: { write: line => lines.push(JSON.parse(line)) } })
  let nowMs = 1_000
  const alarm = createIdentityAlarm(logger, () => nowMs)
  const differs = { status: 401, reason: 'signature', message: 'no key of ours signed it' }
  for (let i = 0; i < 3; i++) alarm('coupon', differs)
  alarm('catalog', { status: 401, reason: 'missing', message: '' })
  alarm('payment', { status: 403, reason: undefined, message: 'expected a service' })
  nowMs += 59_999
  alarm('coupon', differs)
  nowMs += 1
  alarm('coupon', differs)
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    [50, 'coupon refused our identity: its IDENTITY_KEY differs from ours'],
    [50, 'catalog refused our identity: it has an IDENTITY_KEY and we have none'],
    [50, 'payment refused our identity: expected a service'],
    [50, 'coupon refused our identity: its IDENTITY_KEY differs from ours'],
  ])
})
