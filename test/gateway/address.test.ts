import { describe, expect, it } from 'vitest'
import { createAddressOf } from '../../gateway/address.ts'

describe('the address that asks', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['2001:0DB8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, 'unknown'],
  ])('of a connection from %s is %s', (remote, expected) => {
    expect(createAddressOf()(remote, undefined)).toBe(expected)
  })

  it('is the connection’s when nobody is trusted, whatever the client says of itself', () => {
    expect(createAddressOf()('10.1.2.3', '1.2.3.4')).toBe('10.1.2.3')
  })

  it.each([
    ['its client, behind one proxy', '203.0.113.9', '203.0.113.9'],
    [
      'the last that is no proxy, not what the client wrote before it',
      '1.1.1.1, 203.0.113.9, 10.0.0.7',
      '203.0.113.9',
    ],
    ['its client with a port', '203.0.113.9:4711', '203.0.113.9'],
    ['IPv6 with a port', '[2001:db8:1:2::9]:4711', '2001:db8:1:2::/64'],
    ['IPv6 by network', '2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['the first proxy when all are trusted', '10.0.0.9, 10.0.0.8', '10.0.0.9'],
    ['the last known hop before what is no address', '1.1.1.1, nonsense, 10.0.0.9', '10.0.0.9'],
    ['the connection’s without the header', undefined, '10.0.0.1'],
  ])('behind a trusted proxy is %s', (_, header, expected) => {
    expect(createAddressOf(['10.0.0.0/8'])('10.0.0.1', header)).toBe(expected)
  })

  it('is the connection’s when that is no trusted proxy', () => {
    expect(createAddressOf(['10.0.0.0/8'])('192.0.2.1', '203.0.113.9')).toBe('192.0.2.1')
  })

  it('trusts single addresses and IPv6 networks', () => {
    const addressOf = createAddressOf(['192.0.2.1', 'fd00::/8'])
    expect(addressOf('192.0.2.1', '203.0.113.9')).toBe('203.0.113.9')
    expect(addressOf('fd00::5', '203.0.113.9')).toBe('203.0.113.9')
    expect(addressOf('192.0.2.2', '203.0.113.9')).toBe('192.0.2.2')
  })

  it.each(['nonsense', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', 'fd00::/129', ''])('refuses %s', network => {
    expect(() => createAddressOf([network])).toThrow(`such as 10.0.0.0/8, got ${network}`)
  })
})
