import { BlockList, isIP } from 'node:net'

/** Who a connection comes from: whose requests without a token share one budget. */
export type AddressOf = (remote: string | undefined, forwardedFor: string | string[] | undefined) => string

/** A header of more hops is of no proxy chain that anybody runs. */
const HOPS_MAX = 32
const UNKNOWN = 'unknown'

/**
 * The address that asks: the connection's or, where that is a trusted proxy, the last one in `x-forwarded-for` that is
 * none (whatever stands before it, a client may have written itself). Of IPv6 the network of 64 bits, since one home or
 * one machine has all of it.
 *
 * @param trustedProxies addresses, or networks such as `10.0.0.0/8`.
 * @throws Error naming the one that is neither.
 */
export function createAddressOf(trustedProxies: readonly string[] = []): AddressOf {
  if (trustedProxies.length === 0) return remote => networkOf(remote)
  const trusted = blockListOf(trustedProxies)
  const isTrusted = (address: string): boolean => {
    const family = isIP(address)
    return family !== 0 && trusted.check(address, family === 4 ? 'ipv4' : 'ipv6')
  }
  return (remote, forwardedFor) => {
    let address = plain(remote)
    if (address === undefined || forwardedFor === undefined || !isTrusted(address)) return networkOf(remote)
    const hops = (Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor).split(',')
    for (const hop of hops.slice(-HOPS_MAX).reverse()) {
      const before = plain(withoutPort(hop.trim()))
      // Not an address: what the trusted proxy has not written.
      if (before === undefined || isIP(before) === 0) break
      address = before
      if (!isTrusted(address)) break
    }
    return networkOf(address)
  }
}

/** Some balancers write `203.0.113.9:4711` and `[2001:db8::9]:4711`. */
function withoutPort(hop: string): string {
  const [, ipv6, ipv4] = /^\[([^\]]+)\](?::\d+)?$|^([\d.]+):\d+$/.exec(hop) ?? []
  return ipv6 ?? ipv4 ?? hop
}

/** IPv4 as it is, mapped into IPv6 too. */
function plain(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

function networkOf(remote: string | undefined): string {
  const address = plain(remote)
  if (address === undefined) return UNKNOWN
  return address.includes(':') ? network64(address) : address
}

/** `2001:db8::1` → `2001:db8:0:0::/64`. */
function network64(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]!.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros =
    tail === undefined ? [] : new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0')
  // Proxies may write the same group in other letters, or with zeros before it.
  const groups = [...before, ...zeros, ...after].slice(0, 4).map(group => Number.parseInt(group, 16))
  return `${groups.map(group => group.toString(16)).join(':')}::/64`
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    const family = isIP(address)
    const bitsMax = family === 4 ? 32 : 128
    const prefix = bits === undefined ? bitsMax : Number(bits)
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > bitsMax || bits === '')
      throw new Error(`expected a trusted proxy's address or network, such as 10.0.0.0/8, got ${network}`)
    list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}
