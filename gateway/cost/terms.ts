/** Coerced, with the operation's defaults, as resolvers would get them. */
export type Variables = Readonly<Record<string, unknown>>

/** A number that is known when an operation is compiled, or read from the variables of each request. */
export type Term = number | ((variables: Variables) => number)

/** Whether something is part of a request. */
export type Condition = boolean | ((variables: Variables) => boolean)

/** Where doubles still count one by one; dearer than this is as good as infinite. */
export const POINTS_MAX: number = Number.MAX_SAFE_INTEGER

/** What changing something costs beside its fields. */
export const MUTATION_POINTS = 10

export const numberOf = (term: Term, variables: Variables): number =>
  typeof term === 'number' ? term : term(variables)

export const holds = (condition: Condition, variables: Variables): boolean =>
  typeof condition === 'boolean' ? condition : condition(variables)

export function sumOf(terms: readonly Term[]): Term {
  let constant = 0
  const rest: ((variables: Variables) => number)[] = []
  for (const term of terms)
    if (typeof term === 'number') constant += term
    else rest.push(term)
  const [first, second] = rest
  if (first === undefined) return constant
  if (second === undefined) return constant === 0 ? first : variables => constant + first(variables)
  if (rest.length === 2) return variables => constant + first(variables) + second(variables)
  return variables => {
    let sum = constant
    for (let i = 0; i < rest.length; i++) sum += rest[i]!(variables)
    return sum
  }
}

/** `count × each + once`, at most {@link POINTS_MAX}. */
export function pointsOf(count: Term, each: Term, once: Term): Term {
  const bounded = (points: number): number => Math.min(points, POINTS_MAX)
  if (typeof each === 'number' && typeof once === 'number') {
    if (typeof count === 'number') return bounded(count * each + once)
    return variables => bounded(count(variables) * each + once)
  }
  return variables =>
    bounded(numberOf(count, variables) * numberOf(each, variables) + numberOf(once, variables))
}

/** 0 where the condition does not hold. */
export function when(condition: Condition, term: Term): Term {
  if (condition === true) return term
  if (condition === false || term === 0) return 0
  return variables => (condition(variables) ? numberOf(term, variables) : 0)
}

export function both(a: Condition, b: Condition): Condition {
  if (a === true) return b
  if (b === true) return a
  if (a === false || b === false) return false
  return variables => a(variables) && b(variables)
}

export function either(a: Condition, b: Condition): Condition {
  if (a === false) return b
  if (b === false) return a
  if (a === true || b === true) return true
  return variables => a(variables) || b(variables)
}

/** Reads one variable; `undefined` when it has no value. */
export function readVariable(name: string): (variables: Variables) => unknown {
  // Plain objects inherit a few names, which then read as a value that nobody gave.
  if (name in Object.prototype)
    return variables => (Object.hasOwn(variables, name) ? variables[name] : undefined)
  return variables => variables[name]
}
