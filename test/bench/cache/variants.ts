/** What bears a workload, each a process of its own. */
export interface CacheVariant {
  readonly name: string
  /** From the folder of `pinned.ts`. */
  readonly program: '../cache/ours.ts' | '../peers/mercurius.ts' | 'bare.ts'
  /** Ours: whether answers are kept. */
  readonly keeps?: boolean
  /** Ours: whether requests carry a token that is verified, and the rest of the pipeline is on. */
  readonly identified?: boolean
  /** Our requests a second over this one's, at least; of the workload's first variant. */
  readonly ratioMin?: number
}

export interface CacheWorkload {
  readonly name: string
  readonly title: string
  readonly connections: number
  /** Share of requests that ask for what has been asked for before, 0 to 1; every other asks for what never was. */
  readonly hotShare: number
  /** The first is ours: what the others are compared with. */
  readonly variants: readonly CacheVariant[]
}

const KEPT = { name: 'Spillway', program: '../cache/ours.ts', keeps: true } satisfies CacheVariant
const NOT_KEPT = { ...KEPT, name: 'Spillway, nothing kept', keeps: false } satisfies CacheVariant
const WHOLE = { ...KEPT, name: 'Spillway, all checks', identified: true } satisfies CacheVariant
const MERCURIUS = {
  name: 'mercurius, mercurius-cache',
  program: '../peers/mercurius.ts',
} satisfies CacheVariant
const CEILING = {
  name: 'node:http, the same bytes',
  program: 'bare.ts',
  ratioMin: 0.5,
} satisfies CacheVariant

const CONNECTIONS = 64

export const WORKLOADS: readonly CacheWorkload[] = [
  {
    name: 'ready',
    title: 'Every request asks for what is kept',
    hotShare: 1,
    variants: [KEPT, WHOLE, NOT_KEPT, MERCURIUS, CEILING],
  },
  {
    name: 'hit-99',
    title: '99 of 100 ask for what is kept',
    hotShare: 0.99,
    variants: [KEPT, NOT_KEPT, MERCURIUS],
  },
  { name: 'hit-50', title: 'Every other one does', hotShare: 0.5, variants: [KEPT, NOT_KEPT, MERCURIUS] },
  { name: 'hit-0', title: 'None does', hotShare: 0, variants: [KEPT, NOT_KEPT, MERCURIUS] },
].map(workload => ({ ...workload, connections: CONNECTIONS }))

/** What one gateway under measurement is told; shared by ours and mercurius. */
export interface CacheSettings {
  /** Where our subgraphs are, by name. */
  readonly ports?: Readonly<Record<string, number>>
  readonly keeps?: boolean
  readonly identity?: { readonly tokenSecret: string; readonly identityKey: string }
  /** SHA-256 of the operation, hex. */
  readonly queryId: string
  readonly query: string
  /** What mercurius has in its process: the data of the operation's answer. */
  readonly data?: unknown
  /** What a bare server answers. */
  readonly answer?: string
}
