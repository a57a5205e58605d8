import { expect, test } from 'vitest'
import { FLAT, INCIDENT } from './arrivals.ts'
import { HELP, type ReplayOptions, readOptions } from './options.ts'

const read = (line: string, environment = {}): ReplayOptions =>
  readOptions(line === '' ? [] : line.split(' '), environment)

test('without options: 20,000 orders at 500 a second against a stack of its own', () => {
  // Of 100 people 65 order: beside 20,000 of them come 5/65 × 20,000 = 1,538 who only claim, and 30/65 = 9,231 who look.
  expect(read('')).toMatchObject({
    url: undefined,
    counts: { browse: 9_231, claim: 1_538, order: 18_462, pay: 1_538 },
    coupons: 21_538,
    shape: FLAT,
    durationMs: 40_000,
    timeMsMax: 940_000,
    behaviour: 'obedient',
    claimsPerSecond: undefined,
    connections: 256,
    seed: 1,
    outDir: '.data/replay',
    isJson: false,
  })
})

test('what is given is taken, with a blank or an equals sign', () => {
  expect(
    read(
      '--orders=1_000 --mix order=1 --rate 50 --behaviour storm --limit 12.5 --connections 9 --seed 4 --out x --json --time-max 2h',
    ),
  ).toMatchObject({
    counts: { browse: 0, claim: 0, order: 1_000, pay: 0 },
    coupons: 1_000,
    durationMs: 20_000,
    timeMsMax: 7_200_000,
    behaviour: 'storm',
    claimsPerSecond: 12.5,
    connections: 9,
    seed: 4,
    outDir: 'x',
    isJson: true,
  })
})

test('more shoppers than coupons come to order, and go away without', () => {
  const { counts, coupons, durationMs } = read('--orders 100 --mix order=1 --shoppers 250 --rate 10')
  expect({ counts, coupons, durationMs }).toEqual({
    counts: { browse: 0, claim: 0, order: 250, pay: 0 },
    coupons: 100,
    durationMs: 25_000,
  })
})

test('the day of the incident, in as long as is said', () => {
  expect(read('--curve incident')).toMatchObject({ shape: INCIDENT, durationMs: 600_000 })
  expect(read('--curve incident --duration 90s')).toMatchObject({ durationMs: 90_000 })
})

test('a slow limit has its time', () => {
  // 1,000 at 1 a second, and a quarter of an hour.
  expect(read('--orders 1000 --mix order=1 --limit 1').timeMsMax).toBe(1_900_000)
})

test('a stack that runs: its address, and its secret by DATA_DIR, which an embedded one leaves alone', () => {
  expect(read('--url http://localhost:4000/', { DATA_DIR: 'd' })).toMatchObject({
    url: 'http://localhost:4000',
    dataDir: 'd',
  })
  expect(read('', { DATA_DIR: 'd' }).dataDir).toBeUndefined()
  expect(read('--data-dir e', { DATA_DIR: 'd' }).dataDir).toBe('e')
})

test.each([
  ['--order 5', 'expected one of --url '],
  ['20000', 'got 20000'],
  ['--json=1', 'got --json=1'],
  ['--order 5', 'got --order; --help explains them'],
  ['--secret s', 'expected --secret with --url only: an embedded stack has its own'],
  ['--orders', 'expected a value after --orders, got none'],
  ['--seed 1 --seed 2', 'expected --seed once, got it twice'],
  ['--orders 0', 'expected --orders to be a whole number from 1 to 20000000, got 0'],
  ['--orders 1e3', 'got 1e3'],
  ['--rate -1', 'expected --rate to be a number a second, above 0 and at most 1000000, got -1'],
  ['--limit 0', 'expected --limit to be a number a second, above 0 and at most 1000000, got 0'],
  ['--behaviour calm', 'expected --behaviour to be obedient, impatient, storm, got calm'],
  ['--curve sine', 'expected --curve to be incident, got sine'],
  ['--curve incident --rate 1', 'expected --rate or --curve, got both'],
  ['--duration 5m', 'expected --duration with --curve only'],
  [
    '--curve incident --duration 5',
    'expected --duration to be a time such as 90s, 10m or 9h, a week at most, got 5',
  ],
  ['--time-max 0s', 'expected --time-max to be a time such as 90s'],
  ['--mix order', 'expected --mix such as browse=70,claim=10,order=15,pay=5, got order'],
  ['--mix buy=1', 'got buy=1'],
  ['--mix order=0', 'expected --mix with a weight above 0, got order=0'],
  [
    '--orders 100 --mix order=1 --shoppers 99',
    'expected --shoppers to be a whole number from 100 to 20000000, got 99',
  ],
  ['--mix browse=1 --shoppers 5', 'expected --shoppers with a --mix in which somebody claims'],
  [
    '--url https://shop.example',
    'expected --url http://host:port, the load speaks plain HTTP, got https://shop.example',
  ],
  ['--url localhost:4000', 'got localhost:4000'],
  ['--database-url postgres://x', 'expected --database-url with --url only'],
])('%s is refused: %s', (line, message) => {
  expect(() => read(line)).toThrow(message)
})

test('the help names every option', () => {
  const [, known = ''] = /expected one of (.*), got/.exec(String(catching(() => read('--no')))) ?? []
  for (const option of known.split(' ')) expect(HELP).toContain(`${option} `.replace('--json ', '--json'))
})

function catching(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}
