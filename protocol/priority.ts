/** The order in which every queue is served, most urgent first. */
export const PRIORITIES = ['OPERATE', 'PAY', 'REDEEM', 'CLAIM', 'BROWSE', 'ADHOC'] as const

export type Priority = (typeof PRIORITIES)[number]
