/** So that a value that clients choose neither ends its hash tag early nor shares it with another. */
export const withoutBraces = (key: string): string => key.replace(/[%{}]/g, encodeURIComponent)
