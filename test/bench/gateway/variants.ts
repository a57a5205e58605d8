import type { WorldName } from './worlds.ts'

/** What a gateway under measurement is told. */
export interface GatewaySettings {
  readonly supergraphPath: string
  /** The persisted operation. */
  readonly query: string
  /** SHA-256 of it, hex. */
  readonly queryId: string
  /** Whether identical requests in flight share one answer. */
  readonly sharing: boolean
  /** Hive Gateway: whether the Rust planner plans and the runtime made for it executes. */
  readonly rustPlanner: boolean
  /**
   * Ours: whether callers are known by tokens, subgraphs get signed requests, and safelist, costs and budgets are enforced;
   * `undefined`: everybody is anonymous and nothing is counted.
   */
  readonly identity?: { readonly tokenSecret: string; readonly identityKey: string }
  /** @apollo/gateway: whether it asks its subgraphs through node:http, half the cost of what it ships with. */
  readonly leanFetcher: boolean
}

export interface Variant {
  readonly name: string
  /** From the folder of this file. */
  readonly program: 'ours.ts' | 'bare.ts' | '../peers/apollo.ts' | '../peers/hive.ts'
  /** How requests name the operation: by its hash, or by its text. */
  readonly sends: 'hash' | 'text'
  /** Whether subgraphs announce the batch envelope. */
  readonly envelope: boolean
  readonly sharing: boolean
  readonly rustPlanner: boolean
  readonly leanFetcher: boolean
  /** Whether requests carry a token that is verified, and the rest of the pipeline is on. */
  readonly identified?: boolean
  /** Our requests a second over this one's, at least; of the workload's first variant. */
  readonly ratioMin?: number
}

export interface Workload {
  readonly name: string
  readonly title: string
  readonly world: WorldName
  readonly connections: number
  /** The first is ours: what the others are compared with. */
  readonly variants: readonly Variant[]
}

const OURS = {
  name: 'Spillway',
  program: 'ours.ts',
  sends: 'hash',
  envelope: true,
  sharing: false,
  rustPlanner: false,
  leanFetcher: false,
} satisfies Variant
const PLAIN = { ...OURS, name: 'Spillway, plain subgraphs', envelope: false } satisfies Variant
const APOLLO = { ...PLAIN, name: '@apollo/gateway', program: '../peers/apollo.ts' } satisfies Variant
const APOLLO_LEAN = {
  ...APOLLO,
  name: '@apollo/gateway, our fetcher',
  leanFetcher: true,
} satisfies Variant
const HIVE_RUST = {
  ...PLAIN,
  name: 'Hive Gateway, Rust planner',
  program: '../peers/hive.ts',
  rustPlanner: true,
} satisfies Variant
const HIVE = { ...HIVE_RUST, name: 'Hive Gateway', rustPlanner: false } satisfies Variant
const WHOLE = { ...OURS, name: 'Spillway, all checks', identified: true, sharing: true } satisfies Variant
const CEILING = { ...PLAIN, name: 'node:http, the same bytes', program: 'bare.ts' } satisfies Variant

const byText = (variant: Variant): Variant => ({ ...variant, sends: 'text' })
const shared = (variant: Variant): Variant => ({ ...variant, sharing: true })
const atLeast = (variant: Variant, ratioMin: number): Variant => ({ ...variant, ratioMin })

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'P1',
    title: 'Three fetches, persisted, a new variable every request',
    world: 'page',
    connections: 64,
    variants: [OURS, PLAIN, atLeast(APOLLO, 15), APOLLO_LEAN, atLeast(HIVE_RUST, 6), HIVE, CEILING],
  },
  {
    name: 'P1-checked',
    title:
      'P1 with the whole pipeline: token, safelist, cost and budgets enforced, subgraph requests signed, sharing on',
    world: 'page',
    connections: 64,
    variants: [WHOLE, atLeast(APOLLO, 12), atLeast(HIVE_RUST, 4.8)],
  },
  {
    name: 'P2',
    title: 'The same operation sent as text',
    world: 'page',
    connections: 64,
    variants: [OURS, PLAIN, atLeast(APOLLO, 8), APOLLO_LEAN, atLeast(HIVE_RUST, 3), HIVE].map(byText),
  },
  {
    name: 'P3',
    title: 'Deep query over four subgraphs, 88 kB answer, nothing shared',
    world: 'deep',
    connections: 50,
    variants: [OURS, PLAIN, atLeast(APOLLO, 10), APOLLO_LEAN, atLeast(HIVE_RUST, 2.5), HIVE, CEILING],
  },
  {
    name: 'P3-shared',
    title: 'The deep query, identical requests in flight shared where the gateway can',
    world: 'deep',
    connections: 50,
    variants: [OURS, PLAIN, atLeast(APOLLO, 10), APOLLO_LEAN, atLeast(HIVE_RUST, 2.5), HIVE].map(shared),
  },
]
