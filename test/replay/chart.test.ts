import { expect, it } from 'vitest'
import { chartSvg } from './chart.ts'
import { someFigures } from './report-figures.ts'

const OPTIONS = { title: 'A & B <c>', subtitle: '"said"', claimsPerSecond: 180 }

it('shows what was offered, admitted, done, waited for, and the level, each with its unit', () => {
  const svg = chartSvg(someFigures(120), OPTIONS)
  for (const text of [
    'requests a second',
    'requests sent, peak 3k/s',
    'limit on claims: 180/s',
    'admitted claims, peak 180/s',
    'goodput: orders, peak 170/s',
    'Waiting: shoppers with a kept place',
    'time since the start',
    '>SURGE<',
    '>CALM<',
  ])
    expect(svg).toContain(text)
})

it('needs nothing from elsewhere, runs nothing, and lets no text out of its place', () => {
  const svg = chartSvg(someFigures(120), OPTIONS)
  expect(svg).toContain('A &amp; B &lt;c&gt;')
  expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|<script|href|url\(/)
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
})

it('is one document whose every tag is closed', () => {
  const open: string[] = []
  for (const [, close, name, self] of chartSvg(someFigures(30), OPTIONS).matchAll(
    /<(\/?)(\w+)[^>]*?(\/?)>/g,
  )) {
    if (close) expect(open.pop()).toBe(name)
    else if (!self) open.push(name as string)
  }
  expect(open).toEqual([])
})

it('stays small for a replay of nine hours', () => {
  expect(chartSvg(someFigures(9 * 3_600), OPTIONS).length).toBeLessThan(60_000)
})

it('draws a replay that ended at once, or was told no level', () => {
  expect(chartSvg({ seconds: [] }, { title: 'none', subtitle: '' })).toContain('not told by the stack')
  const one = someFigures(1).seconds.map(second => ({ ...second, level: undefined }))
  expect(chartSvg({ seconds: one }, OPTIONS)).not.toMatch(/NaN|undefined|Infinity/)
})
