// Promises about addresses with a prefix length.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contains, interfaceCidrProblem, parseCidr, parseIp } from '../../../../src/core/lib/cidr.ts';

describe('an address', () => {
  it.each([
    ['203.0.113.7', 0xcb007107n, '203.0.113.7'],
    ['::', 0n, '::'],
    ['2001:DB8:0:0::7', 0x20010db8000000000000000000000007n, '2001:db8::7'],
    ['::ffff:1.2.3.4', 0xffff01020304n, '::ffff:102:304'],
    ['1::', 1n << 112n, '1::'],
    ['1:2:3:4:5:6:7:8', 0x00010002000300040005000600070008n, '1:2:3:4:5:6:7:8'],
  ])('%s has a value and one canonical text', (text, value, canonical) => {
    expect(parseIp(text)).toMatchObject({ value, text: canonical });
  });

  it.each(['', '1.2.3', '01.2.3.4', '1.2.3.4/24', 'fe80::1%eth0', '1:2', '[::1]', ' 1.2.3.4', '1.2.3.4\n'])(
    'is not %j',
    (text) => {
      expect(parseIp(text)).toBeUndefined();
    },
  );

  it('is the same whether read as given or from its canonical text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const ip = parseIp(text);
        expect(ip && parseIp(ip.text)).toEqual(ip);
      }),
    );
  });
});

describe('an interface’s address', () => {
  it.each([
    '203.0.113.7/24',
    '10.0.0.0/31',
    '10.0.0.1/31',
    '10.0.0.0/32',
    '2001:db8::7/64',
    '2001:db8::/128',
    '2001:db8::/127',
  ])('may be %s', (text) => {
    expect(interfaceCidrProblem(text)).toBeUndefined();
  });

  it.each([
    ['203.0.113.7', 'must be ADDRESS/PREFIX'],
    ['203.0.113.7/33', 'must be ADDRESS/PREFIX'],
    ['203.0.113.7/024', 'must be ADDRESS/PREFIX'],
    ['203.0.113.7/24\n', 'must be ADDRESS/PREFIX'],
    ['2001:db8::7/129', 'must be ADDRESS/PREFIX'],
    ['203.0.113.7/0', 'prefix length 0'],
    ['203.0.113.0/24', 'is the network itself'],
    ['203.0.113.255/24', 'is the broadcast address'],
    ['2001:db8::/64', 'is the subnet itself'],
    ['224.0.0.1/24', 'must be a unicast address'],
    ['127.0.0.1/8', 'must be a unicast address'],
    ['0.0.0.0/8', 'must be a unicast address'],
    ['255.255.255.255/32', 'must be a unicast address'],
    ['ff02::1/64', 'must be a unicast address'],
    ['::1/128', 'must be a unicast address'],
  ])('may not be %j: %s', (text, problem) => {
    expect(interfaceCidrProblem(text)).toContain(problem);
  });
});

describe('a subnet', () => {
  const within = (subnet: string, address: string) => {
    const [cidr, ip] = [parseCidr(subnet), parseIp(address)];
    return cidr !== undefined && ip !== undefined && contains(cidr, ip);
  };

  it('contains its own addresses only', () => {
    expect(within('203.0.113.7/24', '203.0.113.255')).toBe(true);
    expect(within('203.0.113.7/24', '203.0.114.1')).toBe(false);
    expect(within('2001:db8::7/64', '2001:db8::ffff')).toBe(true);
    expect(within('::1/0', '1.2.3.4')).toBe(false);
  });
});
