import { describe, expect, it } from 'vitest'
import { diffLines } from '../../schema/diff.ts'

describe('diffLines', () => {
  it('says nothing of equal texts', () => expect(diffLines('a\nb\n', 'a\nb\n')).toEqual([]))

  it('shows a changed line on both sides, after two lines that stayed', () =>
    expect(diffLines('a\nb\nc\nd\n', 'a\nb\nX\nd\n')).toEqual(['  a', '  b', '-3 c', '+3 X']))

  it('keeps the lines in common between two changes out', () =>
    expect(diffLines('a\nb\nc\nd\ne', 'A\nb\nc\nd\nE\nf')).toEqual(['-1 a', '+1 A', '-5 e', '+5 E', '+6 f']))

  it('numbers what was put in and what was taken out on its own side', () => {
    expect(diffLines('a\nc\n', 'a\nb\nc\n')).toEqual(['  a', '+2 b'])
    expect(diffLines('a\nb\nc\n', 'a\nc\n')).toEqual(['  a', '-2 b'])
  })

  it('cuts a long difference and says by how much', () => {
    const lines = diffLines('', Array.from({ length: 100 }, (_, i) => `line ${i}`).join('\n'))
    // 100 new lines and the one empty line that went: 101, of which 60 are shown.
    expect(lines).toHaveLength(61)
    expect(lines.at(-1)).toBe('  … and 41 more lines')
  })

  it('answers for texts too large to compare line by line', () => {
    const many = (word: string) => Array.from({ length: 3_000 }, (_, i) => `${word} ${i}`).join('\n')
    expect(diffLines(many('a'), many('b')).at(-1)).toBe('  … and 5940 more lines')
  })
})
