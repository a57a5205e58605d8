import { FLAT, INCIDENT, type Shape } from './arrivals.ts'
import { type Counts, countsOf, DEFAULT_MIX, type Mix, shoppersOf } from './people.ts'
import { BEHAVIOURS, type Behaviour, PURPOSES, type Purpose } from './shopper.ts'

/** What a replay was asked to do. */
export interface ReplayOptions {
  /** `undefined`: an embedded stack is started for it. */
  readonly url: string | undefined
  readonly databaseUrl: string | undefined
  readonly secret: string | undefined
  readonly dataDir: string | undefined
  readonly campaignId: string | undefined
  /** Coupons in the budget of a campaign that is made for it. */
  readonly coupons: number
  readonly counts: Counts
  readonly shape: Shape
  readonly durationMs: number
  readonly timeMsMax: number
  readonly behaviour: Behaviour
  readonly claimsPerSecond: number | undefined
  readonly connections: number
  readonly seed: number
  readonly outDir: string
  readonly isJson: boolean
  /** As they were given, for people. */
  readonly settings: Readonly<Record<string, unknown>>
}

const ORDERS = 20_000
const RATE = 500
const CONNECTIONS = 256
const INCIDENT_MS = 600_000
/** Beyond the last arrival: as far as lines look ahead, the grace after it, and time for what follows. */
const REST_MS = 900_000
const PEOPLE_MAX = 20_000_000

export const HELP: string = `npm run replay -- [options]

Replays the day of the drop: a crowd comes for coupons, claims, quotes, orders and pays, and comes back
when it is told to. Afterwards every promise is held against the database. Without --url a whole stack is
started for it, in processes of its own, and removed again.

How much
  --orders N          orders to be made (default ${ORDERS.toLocaleString('en-US')}); the budget is as many coupons as that takes
  --shoppers N        who come for a coupon (default: as many as there are); those above go away without
  --mix W             weights of people: browse=${DEFAULT_MIX.browse},claim=${DEFAULT_MIX.claim},order=${DEFAULT_MIX.order},pay=${DEFAULT_MIX.pay} by default. browse looks at three
                      pages; claim only claims; order claims, quotes, places and looks at the order; pay orders
                      for more than the coupon, and pays the rest. What is not named is 0
How fast
  --rate R            people who order, a second, evenly (default ${RATE})
  --curve incident    or as on the day, nine hours of it: nine times the mean from the second minute to the
                      eighth, when the cards were gone; 45 % of the day come in its first hour
  --duration T        that day in so long (default 10m)
  --limit R           claims a second that the campaign admits, for the time of the replay
                      (default: what the stack has)
How they behave
  --behaviour B       obedient: back when told, with the token of their place (default)
                      impatient: again every 2 to 4 seconds, whatever they are told
                      storm: again at once, ten times a second at most
Against what
  --url URL           a running gateway, http only; it needs --secret, or DATA_DIR or --data-dir with its secret
  --database-url URL  its PostgreSQL (postgres://…); without it the books are not checked
  --secret TEXT       what its tokens are signed with (HS256), for --url only
  --data-dir DIR      data of the stack (embedded: kept there; default: a temporary folder)
  --campaign ID       a running campaign; otherwise one is made
How it runs
  --connections N     requests under way at most (default ${CONNECTIONS})
  --seed N            the same people come at the same moments (default 1)
  --time-max T        ends the load, whoever still waits; default: 15m after the last has come
  --out DIR           for replay.json, .md, .html and .svg (default .data/replay); those of another time are replaced
  --json              prints the figures as JSON and no tables
  --help

A first one, of some minutes: npm run replay -- --orders 2000 --rate 100 --limit 60
What it measures is this machine: without --limit more are let in than a laptop serves, and it is busy to the end.
T is a time such as 90s, 10m or 9h. Exit: 0 no promise was found broken, of those that could be checked; 1 one was;
2 it could not be replayed, or its books not be read. Ctrl-C ends the load; what was seen until then is checked and
reported, if anybody had come. A second one leaves at once, and --limit in force.
On a stack of yours there remain what was bought, the campaign (active, for 30 days) and full shelves: the stock of up
to 48 products is set for all orders.
`

const FLAGS = ['json'] as const
const VALUES = [
  'url',
  'database-url',
  'secret',
  'data-dir',
  'campaign',
  'orders',
  'shoppers',
  'mix',
  'rate',
  'curve',
  'duration',
  'limit',
  'behaviour',
  'connections',
  'seed',
  'time-max',
  'out',
] as const
type Name = (typeof VALUES)[number]

/**
 * @param argv `['--help']` and `['-h']` are for the caller.
 * @param environment `DATA_DIR` is where the secret of `--url` is looked for.
 * @throws Error that says what was expected and what was got.
 */
export function readOptions(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ReplayOptions {
  const { values, flags } = split(argv)
  const url = values.url === undefined ? undefined : urlOf(values.url)
  const mix = values.mix === undefined ? DEFAULT_MIX : mixOf(values.mix)
  const orders = integerOf('orders', values.orders, ORDERS, 1, PEOPLE_MAX)
  const budgeted = countsOf(mix, orders)
  const counts = withShoppers(budgeted, values.shoppers)
  const claimsPerSecond = values.limit === undefined ? undefined : rateOf('limit', values.limit)
  const { shape, durationMs, pace } = paceOf(values, counts)
  const drainMs = claimsPerSecond === undefined ? 0 : (shoppersOf(counts) / claimsPerSecond) * 1_000
  const behaviour = oneOf('behaviour', values.behaviour ?? 'obedient', BEHAVIOURS)
  const connections = integerOf('connections', values.connections, CONNECTIONS, 1, 20_000)
  const seed = integerOf('seed', values.seed, 1, 0, 2 ** 31)
  if (url === undefined && values['database-url'] !== undefined) {
    throw new Error('expected --database-url with --url only: an embedded stack has its own')
  }
  if (url === undefined && values.secret !== undefined) {
    throw new Error('expected --secret with --url only: an embedded stack has its own')
  }
  return {
    url,
    databaseUrl: values['database-url'],
    secret: values.secret,
    // Somebody's running stack is not started a second time for a replay.
    dataDir: values['data-dir'] ?? (url === undefined ? undefined : environment.DATA_DIR),
    campaignId: values.campaign,
    coupons: Math.max(1, shoppersOf(budgeted)),
    counts,
    shape,
    durationMs,
    timeMsMax:
      values['time-max'] === undefined
        ? Math.max(durationMs, drainMs) + REST_MS
        : durationOf('time-max', values['time-max']),
    behaviour,
    claimsPerSecond,
    connections,
    seed,
    outDir: values.out ?? '.data/replay',
    isJson: flags.has('json'),
    settings: {
      against: url ?? 'an embedded stack',
      orders,
      shoppers: shoppersOf(counts),
      visitors: counts.browse,
      mix: PURPOSES.filter(purpose => mix[purpose] > 0)
        .map(purpose => `${purpose}=${mix[purpose]}`)
        .join(','),
      arrivals: pace,
      behaviour,
      ...(claimsPerSecond === undefined ? {} : { limit: `${claimsPerSecond} claims/s` }),
      connections,
      seed,
    },
  }
}

function split(argv: readonly string[]): {
  readonly values: Readonly<Partial<Record<Name, string>>>
  readonly flags: ReadonlySet<string>
} {
  const values: Partial<Record<Name, string>> = {}
  const flags = new Set<string>()
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!
    const [, name = '', given] = /^--([\w-]+)(?:=(.*))?$/s.exec(word) ?? []
    if ((FLAGS as readonly string[]).includes(name) && given === undefined) {
      flags.add(name)
    } else if ((VALUES as readonly string[]).includes(name)) {
      if (values[name as Name] !== undefined) throw new Error(`expected --${name} once, got it twice`)
      const value = given ?? argv[++index]
      if (value === undefined || value === '') throw new Error(`expected a value after --${name}, got none`)
      values[name as Name] = value
    } else {
      throw new Error(
        `expected one of ${[...VALUES, ...FLAGS].map(known => `--${known}`).join(' ')}, got ${word}; --help explains them`,
      )
    }
  }
  return { values, flags }
}

function urlOf(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol !== 'http:' || url.pathname !== '/' || url.search !== '' || url.username !== '') {
    throw new Error(`expected --url http://host:port, the load speaks plain HTTP, got ${given}`)
  }
  return url.origin
}

function mixOf(given: string): Mix {
  const mix: Record<Purpose, number> = { browse: 0, claim: 0, order: 0, pay: 0 }
  for (const part of given.split(',')) {
    const [, name = '', weight] = /^(\w+)=(\d+(?:\.\d+)?)$/.exec(part.trim()) ?? []
    if (weight === undefined || !(PURPOSES as readonly string[]).includes(name)) {
      throw new Error(`expected --mix such as browse=70,claim=10,order=15,pay=5, got ${given}`)
    }
    mix[name as Purpose] = Number(weight)
  }
  if (!Object.values(mix).some(weight => weight > 0)) {
    throw new Error(`expected --mix with a weight above 0, got ${given}`)
  }
  return mix
}

/** Whoever comes beside those for whom there is a coupon comes to order. */
function withShoppers(counts: Counts, given: string | undefined): Counts {
  const least = shoppersOf(counts)
  const more = integerOf('shoppers', given, least, least, PEOPLE_MAX) - least
  if (more > 0 && least === 0) throw new Error('expected --shoppers with a --mix in which somebody claims')
  if (counts.order + counts.pay === 0) return { ...counts, claim: counts.claim + more }
  return { ...counts, order: counts.order + more }
}

function paceOf(
  { rate, curve, duration }: Readonly<Partial<Record<Name, string>>>,
  counts: Counts,
): { readonly shape: Shape; readonly durationMs: number; readonly pace: string } {
  if (curve !== undefined) {
    if (rate !== undefined) throw new Error('expected --rate or --curve, got both')
    oneOf('curve', curve, ['incident'])
    const durationMs = duration === undefined ? INCIDENT_MS : durationOf('duration', duration)
    return { shape: INCIDENT, durationMs, pace: `the incident, nine hours in ${durationMs / 1_000} s` }
  }
  if (duration !== undefined) {
    throw new Error('expected --duration with --curve only: with --rate the number of orders decides')
  }
  const perSecond = rate === undefined ? RATE : rateOf('rate', rate)
  const ordering = counts.order + counts.pay
  const counted = ordering > 0 ? ordering : counts.claim > 0 ? counts.claim : counts.browse
  return { shape: FLAT, durationMs: (counted / perSecond) * 1_000, pace: `${perSecond}/s` }
}

function integerOf(
  name: Name,
  given: string | undefined,
  otherwise: number,
  min: number,
  max: number,
): number {
  if (given === undefined) return otherwise
  const value = /^\d+(?:_\d+)*$/.test(given) ? Number(given.replaceAll('_', '')) : Number.NaN
  if (!(value >= min && value <= max)) {
    throw new Error(`expected --${name} to be a whole number from ${min} to ${max}, got ${given}`)
  }
  return value
}

function rateOf(name: Name, given: string): number {
  const value = /^\d+(?:\.\d+)?$/.test(given) ? Number(given) : Number.NaN
  if (!(value > 0 && value <= 1_000_000)) {
    throw new Error(`expected --${name} to be a number a second, above 0 and at most 1000000, got ${given}`)
  }
  return value
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const DURATION_MS_MAX = 7 * 86_400_000

function durationOf(name: Name, given: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(given) ?? []
  const ms = Number(number) * (UNITS[unit] ?? Number.NaN)
  if (!(ms > 0 && ms <= DURATION_MS_MAX)) {
    throw new Error(`expected --${name} to be a time such as 90s, 10m or 9h, a week at most, got ${given}`)
  }
  return ms
}

function oneOf<T extends string>(name: Name, given: string, known: readonly T[]): T {
  const found = known.find(value => value === given)
  if (found === undefined) throw new Error(`expected --${name} to be ${known.join(', ')}, got ${given}`)
  return found
}
