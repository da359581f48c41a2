// Promises about pools: which gateway containers send through, and which addresses none of them gets.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFrom, parseCidr, parseIp, subnetRange } from '../../../../src/core/lib/cidr.ts';
import {
  documentationPools,
  documentationWarning,
  parseRange,
  poolsOf,
  reservedRanges,
} from '../../../../src/netmaker/address/pools.ts';

function pool(subnet: string, ...gateways: string[]) {
  return poolsOf({ pools: [subnet], gateways })[0];
}

function isReserved(address: string, pools: string[], gateways: string[] = [], reserved: string[] = []) {
  const ip = parseIp(address);
  return reservedRanges({ pools, gateways, reserved }).some(
    ({ family, first, last }) => ip?.family === family && first <= ip.value && ip.value <= last,
  );
}

describe('a pool', () => {
  it.each([
    ['203.0.113.0/24', '203.0.113.1', 24],
    ['203.0.113.8/30', '203.0.113.9', 30],
    ['2001:db8:1::/64', '2001:db8:1::1', 64],
    ['203.0.113.8/31', '169.254.51.1', 32],
    ['203.0.113.8/32', '169.254.51.1', 32],
    ['2001:db8::8/127', 'fe80::1', 128],
    ['2001:db8::8/128', 'fe80::1', 128],
  ])('%s has the gateway %s when none is given', (subnet, gateway, prefix) => {
    const family = subnet.includes(':') ? 6 : 4;
    expect(pool(subnet)).toEqual({ family, subnet, gateway, prefix });
  });

  it('has the gateway that lies in it, and then containers share its subnet', () => {
    expect(pool('203.0.113.0/24', '203.0.113.254')).toMatchObject({ gateway: '203.0.113.254', prefix: 24 });
    expect(pool('203.0.113.8/31', '203.0.113.8')).toMatchObject({ gateway: '203.0.113.8', prefix: 31 });
  });

  it('has a gateway outside of it on the link, and then containers have single addresses', () => {
    expect(pool('203.0.113.0/24', '192.0.2.1')).toMatchObject({ gateway: '192.0.2.1', prefix: 32 });
    expect(pool('2001:db8::/64', 'fe80::5')).toMatchObject({ gateway: 'fe80::5', prefix: 128 });
  });

  it('never has the gateway of another pool or another family', () => {
    const pools = ['203.0.113.0/24', '198.51.100.0/24', '2001:db8::/64', '192.0.2.0/24'];
    const gateways = ['198.51.100.9', 'fe80::9', '192.0.2.7'];
    expect(poolsOf({ pools, gateways }).map(({ gateway }) => gateway)).toEqual([
      '203.0.113.1',
      '198.51.100.9',
      'fe80::9',
      '192.0.2.7',
    ]);
  });
});

describe('nobody gets', () => {
  it('the network, the broadcast address and the gateway of an IPv4 pool', () => {
    const pools = ['203.0.113.0/29'];
    const free = Array.from({ length: 8 }, (_, i) => `203.0.113.${i}`).filter(
      (address) => !isReserved(address, pools),
    );
    expect(free).toEqual(['203.0.113.2', '203.0.113.3', '203.0.113.4', '203.0.113.5', '203.0.113.6']);
  });

  it("the routers' anycast address and the gateway of an IPv6 pool, whose last address is a host's", () => {
    expect(isReserved('2001:db8::', ['2001:db8::/64'])).toBe(true);
    expect(isReserved('2001:db8::1', ['2001:db8::/64'])).toBe(true);
    expect(isReserved('2001:db8::2', ['2001:db8::/64'])).toBe(false);
    expect(isReserved('2001:db8::ffff:ffff:ffff:ffff', ['2001:db8::/64'])).toBe(false);
  });

  it('what is reserved by address, range or network', () => {
    const reserved = ['203.0.113.9', '203.0.113.20-203.0.113.22', '203.0.113.128/25'];
    const check = (last: number) => isReserved(`203.0.113.${last}`, ['203.0.113.0/24'], [], reserved);
    expect([8, 9, 10, 19, 20, 22, 23, 127, 128, 254].map(check)).toEqual([
      false,
      true,
      false,
      false,
      true,
      true,
      false,
      false,
      true,
      true,
    ]);
  });

  it('a gateway, and everything else in pools of one or two addresses is theirs', () => {
    expect(isReserved('203.0.113.8', ['203.0.113.8/31'])).toBe(false);
    expect(isReserved('203.0.113.9', ['203.0.113.8/31'])).toBe(false);
    expect(isReserved('203.0.113.8', ['203.0.113.8/31'], ['203.0.113.8'])).toBe(true);
    expect(isReserved('203.0.113.8', ['203.0.113.8/32'])).toBe(false);
    expect(isReserved('2001:db8::8', ['2001:db8::8/128'])).toBe(false);
  });
});

describe('a range', () => {
  it.each([
    '',
    '-',
    '203.0.113.1-',
    '203.0.113.1-2',
    '203.0.113.1-203.0.113.2-203.0.113.3',
    '203.0.113.1/24',
    'x',
    'fe80::1%eth0',
  ])('is not %j', (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  it('may have blanks around its hyphen', () => {
    expect(parseRange('203.0.113.1 - 203.0.113.2')).toEqual(parseRange('203.0.113.1-203.0.113.2'));
  });
});

describe('documentation ranges', () => {
  it.each([
    ['203.0.113.0/24', true],
    ['203.0.113.64/26', true],
    ['198.51.100.0/25', true],
    ['192.0.2.7/32', true],
    ['203.0.112.0/23', true],
    ['2001:db8:77::/64', true],
    ['3fff:1::/64', true],
    ['203.0.114.0/24', false],
    ['2001:db9::/64', false],
    ['2a00:1450::/64', false],
    ['10.0.0.0/8', false],
  ])('%s: %s', (text, is) => {
    expect(documentationPools([text])).toEqual(is ? [text] : []);
  });

  it('are warned of in one sentence, and only where there are any', () => {
    expect(documentationWarning(['203.0.113.0/24', '8.8.8.0/24'])).toContain(
      '203.0.113.0/24 is for documentation (RFC 5737, RFC 3849): nothing outside of this host can reach',
    );
    expect(documentationWarning(['203.0.113.0/24', '2001:db8::/64'])).toContain(' are for documentation');
    expect(documentationWarning(['8.8.8.0/24'])).toBeUndefined();
  });
});

it('an address is the same as its value and back', () => {
  const four = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => ipFrom(4, value));
  const six = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => ipFrom(6, value));
  fc.assert(
    fc.property(fc.oneof(four, six), fc.nat({ max: 32 }), (address, prefix) => {
      expect(parseIp(address.text)).toEqual(address);
      const subnet = parseCidr(`${address.text}/${prefix}`);
      const range = subnet && subnetRange(subnet);
      expect(range && range.first <= address.value && address.value <= range.last).toBe(true);
    }),
  );
});
