import { describe } from 'vitest'
import { describeClock } from './lines-contract/clock.ts'
import { describeHolders } from './lines-contract/holders.ts'
import { lineStandOf, type OpenLinesOf } from './lines-contract/line-stand.ts'
import { describeLoss } from './lines-contract/loss.ts'
import { describePlaces, describeSpent } from './lines-contract/modes.ts'
import { describeNewcomers } from './lines-contract/newcomers.ts'
import { describeNoPlace } from './lines-contract/no-place.ts'
import { describePause } from './lines-contract/pause.ts'
import { describeRefunds } from './lines-contract/refunds.ts'
import { describeSlack } from './lines-contract/slack.ts'
import { describeStandby } from './lines-contract/standby.ts'
import { describeTokens } from './lines-contract/tokens.ts'

/** What every implementation of `Lines` promises, each sentence a test. Some have nothing to lose: they are not asked to. */
export function linesContract(
  name: string,
  open: OpenLinesOf,
  { canLose = true }: { readonly canLose?: boolean } = {},
): void {
  describe(`lines ${name}`, () => {
    const line = lineStandOf(open)
    describeNewcomers(line)
    describeHolders(line)
    describeStandby(line)
    describeSlack(line)
    describeNoPlace(line)
    describePlaces(line)
    describeSpent(line)
    describePause(line)
    describeClock(line)
    describeRefunds(line)
    describeTokens(line)
    if (canLose) describeLoss(line)
  })
}
