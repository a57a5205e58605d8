import type { Figures, Second } from './figures.ts'

/** Figures of a replay that has not been: a rush, a line, calm again. */
export function someFigures(seconds: number): Figures {
  const spread = { count: 900, p50: 4, p95: 20, p99: 58.4, max: 176 }
  return {
    settings: { behaviour: 'obedient', arrivals: '500/s', seed: 1 },
    startedAt: '2027-02-06T00:00:00.000Z',
    tookMs: seconds * 1_000,
    seconds: Array.from({ length: seconds }, (_, atS) => secondOf(atS, seconds)),
    ...{
      shoppers: 1_200,
      orders: 1_000,
      turnedAway: 12,
      unserved: 3,
      requests: 6_000,
      requestsPerSuccess: 2.03,
    },
    latency: { CLAIM: spread, PAY: spread },
    latencyOfSteps: { claim: spread },
    lateness: { count: 800, p50: 3, p95: 22, p99: 140, max: 900 },
    outcomes: { CouponIssued: 1_000, KeptPlace: 800, '<script>alert(1)</script>': 1, ECONNRESET: 2 },
    acknowledged: [{ shopperId: 'somebody', couponId: 'coupon_x' }],
    places: [{ askedMs: 1, answeredMs: 2, admitAtMs: 3 }],
    driver: { busy: 0.42, held: { ...spread, p99: 777 } },
  }
}

function secondOf(atS: number, seconds: number): Second {
  const rush = atS < seconds / 4
  return {
    ...{ atS, offered: rush ? 3_000 : 800, arrived: rush ? 800 : 60, admitted: 180, goodput: 170 },
    ...{ placed: rush ? 620 : 0, refused: rush ? 40 : 0, waiting: rush ? atS * 600 : 100, inFlight: 20 },
    level: rush ? 'SURGE' : 'CALM',
  }
}
