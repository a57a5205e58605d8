import { pino } from 'pino'
import { createCouponSubgraph } from '../../../subgraphs/coupon/subgraph.ts'
import { Database } from '../../../subgraphs/database.ts'
import { createSubgraphHttpServer } from '../../../subgraphs/http.ts'
import { answerParent } from '../gateway/program.ts'

/**
 * The coupon subgraph over HTTP, with batches of another size: `node test/bench/claims/coupon.ts '<CouponSettings as JSON>'`
 * tells its parent its port.
 */
export interface CouponSettings {
  readonly databaseUrl: string
  readonly identityKey: string
  /** Claims in one SQL call; absent: as shipped. */
  readonly claimBatchMax?: number | undefined
}

const BODY_BYTES_MAX = 8 * 2 ** 20

const { databaseUrl, identityKey, claimBatchMax } = JSON.parse(process.argv[2] as string) as CouponSettings
const logger = pino({ level: 'silent' })
const database = new Database({ connection: databaseUrl, schema: 'coupon', log: logger })
const clientOf = (name: string): never => {
  throw new Error(`coupon does not call ${name}`)
}
const subgraph = createCouponSubgraph({ database, clientOf, seed: false, logger }, claimBatchMax)
await subgraph.start()
const server = createSubgraphHttpServer({
  subgraph,
  identityKeys: [identityKey],
  bodyBytesMax: BODY_BYTES_MAX,
  logger,
})
answerParent({ port: (await server.listen(0, '127.0.0.1')).port })
