import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Moment } from '../../../../gateway/cache/entry.ts'
import { startRedis } from '../../../harness/redis.ts'
import { carriedTags, invalidatedTags } from '../stores/some-tags.ts'
import { fleetGateway, heard } from './fleet-gateways.ts'
import { ObviousTags } from './obvious-tags.ts'

const which = fc.constantFrom(0 as const, 1 as const)

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('invalidate' as const), at: which, tags: invalidatedTags }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('keep' as const), at: which, tags: carriedTags }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('kill' as const), type: fc.constantFrom('pubsub', 'normal') }),
    },
  ),
  { minLength: 5, maxLength: 30 },
)

interface Kept {
  readonly at: 0 | 1
  readonly born: Moment
  readonly tags: readonly string[]
  /** In the model. */
  readonly moment: number
  /** Times that either gateway had fallen deaf, or begun to listen. */
  readonly breaks: number
  /** Nothing was on its way to the gateway. */
  readonly isSettled: boolean
}

it('no gateway takes for good what another has made void, however connections break; unbroken, it keeps the rest', async () => {
  await using server = await startRedis()
  await using first = await fleetGateway(server.url)
  await using second = await fleetGateway(server.url)
  const gateways = [first.tags, second.tags] as const
  const breaks = () => gateways.reduce((sum, { counts }) => sum + counts.breaks + counts.listens, 0)
  const settle = async () => {
    await heard(gateways[0], gateways[1])
    await heard(gateways[1], gateways[0])
  }
  const seen = { void: 0, held: 0, acrossBreaks: 0 }
  await fc.assert(
    fc.asyncProperty(steps, async todo => {
      await settle()
      const model = new ObviousTags()
      const entries: Kept[] = []
      let isSettled = true
      for (const step of [...todo, { kind: 'settle' as const }]) {
        if (step.kind === 'keep') {
          const { at, tags } = step
          const born = gateways[at].now()
          entries.push({ at, born, tags, moment: model.moment, breaks: breaks(), isSettled })
        } else if (step.kind === 'invalidate') {
          isSettled = false
          model.invalidate(step.tags)
          await gateways[step.at].invalidate(step.tags)
          // At once where it was said, whether Redis was there or not.
          for (const entry of entries) {
            if (model.holds(entry.moment, entry.tags)) continue
            if (entry.at === step.at && model.isVoidBy(step.tags, entry.tags))
              expect(gateways[step.at].holds(entry)).toBe(false)
          }
        } else if (step.kind === 'kill') {
          await server.ask('CLIENT', 'KILL', 'TYPE', step.type)
        } else {
          await settle()
          isSettled = true
          for (const entry of entries) {
            const should = model.holds(entry.moment, entry.tags)
            const answers = [gateways[entry.at].holds(entry)]
            for (const gateway of gateways) answers.push(await gateway.holdsAnywhere(entry))
            const isUnbroken = entry.breaks === breaks()
            if (!should) expect(answers).toEqual([false, false, false])
            else if (entry.isSettled && isUnbroken) expect(answers).toEqual([true, true, true])
            seen[should ? 'held' : 'void']++
            if (!should && !isUnbroken) seen.acrossBreaks++
          }
        }
      }
    }),
    { seed: 20_260_217, numRuns: 60 },
  )
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(30)
}, 120_000)
