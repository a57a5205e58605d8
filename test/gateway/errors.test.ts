import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ERRORS, presentError, statusOf } from '../../gateway/errors.ts'
import { ROOT } from '../harness/processes.ts'
import { readTree, withoutComments } from '../harness/tree.ts'

/** Codes that Apollo Server gives by itself. */
const APOLLOS = [
  'BAD_REQUEST',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'INTERNAL_SERVER_ERROR',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
]

const product = [...readTree(ROOT)].filter(
  ([path]) => /^(start\.ts|(gateway|protocol|subgraphs)\/.*\.ts)$/.test(path) && path !== 'gateway/errors.ts',
)

describe('the registry', () => {
  test('has every code that is thrown in the tree', () => {
    const thrown = product.flatMap(([path, text]) =>
      [...withoutComments(text).matchAll(/\b(?:new Fault|noAnswer|answerLost)\(\s*(?:\w+,\s*)?'(\w+)'/g)].map(
        ([, code]) => ({ path, code: code as string }),
      ),
    )
    expect(thrown.length).toBeGreaterThan(50)
    expect(thrown.filter(({ code }) => ERRORS[code] === undefined)).toEqual([])
  })

  test('has no code that nothing throws', () => {
    const text = product.map(([, source]) => withoutComments(source)).join('\n')
    const unused = Object.keys(ERRORS).filter(code => !APOLLOS.includes(code) && !text.includes(`'${code}'`))
    expect(unused).toEqual([])
  })

  test('is the table of the README, in both directions', () => {
    const readme = readFileSync(join(ROOT, 'gateway/README.md'), 'utf8')
    const documented = [...readme.matchAll(/^\| ([A-Z_]+) \| (\d+) \| (yes|no) \| (.+) \|$/gm)].map(
      ([, code, status, retry, meaning]) => [code, Number(status), retry === 'yes', meaning],
    )
    const registered = Object.entries(ERRORS).map(([code, { status, retryable, meaning }]) => [
      code,
      status,
      retryable,
      meaning,
    ])
    expect(documented).toEqual(registered)
  })

  test('gives a code that is not ours no status of its own', () => {
    expect(statusOf('FOREIGN')).toBe(200)
    expect(statusOf('constructor')).toBe(200)
    const inherited = { message: 'table users', extensions: { code: 'constructor' } }
    expect(presentError(inherited, true).message).toBe('the called service failed')
  })
})

describe('what a client sees of an error', () => {
  const path = ['a', 0]

  test.each([true, false])('internals never pass (production: %s)', production => {
    const presented = presentError(
      {
        message: 'sku unknown',
        path,
        extensions: {
          code: 'BAD_INPUT',
          service: 'catalog',
          stacktrace: ['at x'],
          exception: {},
          http: {},
          sku: 's',
        },
      },
      production,
    )
    expect(presented).toEqual({
      message: 'sku unknown',
      path,
      extensions: { code: 'BAD_INPUT', service: 'catalog', sku: 's' },
    })
  })

  test.each([true, false])('a defect is masked, whatever it says (production: %s)', production => {
    expect(presentError({ message: 'password is hunter2' }, production)).toEqual({
      message: 'internal server error',
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    })
    expect(
      presentError(
        {
          message: 'relation "x"',
          path,
          extensions: { code: 'INTERNAL_SERVER_ERROR', service: 'coupon', sql: 'x' },
        },
        production,
      ),
    ).toEqual({
      message: 'the coupon service failed',
      path,
      extensions: { code: 'INTERNAL_SERVER_ERROR', service: 'coupon' },
    })
  })

  test.each(['FOREIGN_CODE', 'SUBGRAPH_ERROR'])('in production of %s only the code passes', code => {
    const error = { message: 'table users', extensions: { code, service: 'other', hint: 'x' } }
    expect(presentError(error, true)).toEqual({
      message: 'the other service failed',
      extensions: { code, service: 'other' },
    })
    expect(presentError(error, false)).toEqual({
      message: 'table users',
      extensions: { code, service: 'other', hint: 'x' },
    })
  })
})
