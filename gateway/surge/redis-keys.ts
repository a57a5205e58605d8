/** So that a value that clients choose neither ends its hash tag early nor shares it with another. */
export const withoutBraces = (key: string): string => key.replace(/[%{}]/g, encodeURIComponent)

/**
 * How long a key outlives what it is kept for, for a server whose clock goes back. Under a clock of the tests' own the server
 * must not forget by its own.
 */
export const keptMs = (clock: (() => number) | undefined): number => (clock === undefined ? 1_000 : 3_600_000)
