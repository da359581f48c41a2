// What a lease means for the container's card, its port and the host, in each mode.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCidr, parseIp } from '../../../../src/core/lib/cidr.ts';
import { type EndpointRequest, endpointOf } from '../../../../src/netmaker/address/endpoint.ts';
import { insideOf, insidePool } from '../../../../src/netmaker/address/inside.ts';
import type { Pool } from '../../../../src/netmaker/types.ts';

const pools: Pool[] = [
  { family: 4, subnet: '203.0.113.0/24', gateway: '203.0.113.1', prefix: 24 },
  { family: 6, subnet: '2001:db8::/64', gateway: '2001:db8::1', prefix: 64 },
];
const own = { family: 4 as const, address: '203.0.113.2', prefix: 24, gateway: '203.0.113.1' };
const own6 = { family: 6 as const, address: '2001:db8::2', prefix: 64, gateway: '2001:db8::1' };
const mac = '02:00:00:00:00:01';
const request: EndpointRequest = {
  mode: 'routed',
  pools,
  inside: '10.218.0.0/16',
  port: 'vi1000000',
  mac,
  leased: [own, own6],
  shared: [],
  isolate: false,
  allowIn: ['icmp'],
};

describe('a leased address', () => {
  it('is on the card, allowed on the port and published by the host', () => {
    expect(endpointOf(request)).toEqual({
      addresses: ['203.0.113.2/24', '2001:db8::2/64'],
      gateways: ['203.0.113.1', '2001:db8::1'],
      shared: [],
      portSecurity: {
        mac,
        addresses: ['203.0.113.2', '2001:db8::2'],
        isolate: false,
        allowIn: ['icmp'],
      },
      published: [
        { port: 'vi1000000', address: '203.0.113.2', mac, allowIn: ['icmp'] },
        { port: 'vi1000000', address: '2001:db8::2', mac, allowIn: ['icmp'] },
      ],
    });
  });

  it("comes before its group's, so that it is the source of what the container sends", () => {
    const shared = [{ ...own, address: '203.0.113.9' }];
    const endpoint = endpointOf({ ...request, leased: [own], shared });
    expect(endpoint.addresses).toEqual(['203.0.113.2/24', '203.0.113.9/24']);
    expect(endpoint.shared).toEqual(['203.0.113.9']);
    expect(endpoint.portSecurity.addresses).toContain('203.0.113.9');
  });

  it('is none of the host’s business where the uplink is in the bridge', () => {
    expect(endpointOf({ ...request, mode: 'l2' }).published).toEqual([]);
  });

  it('stands in front of an inside address where the host translates', () => {
    const endpoint = endpointOf({ ...request, mode: 'nat1to1' });
    expect(endpoint.addresses).toEqual(['10.218.0.4/16']);
    expect(endpoint.gateways).toEqual(['10.218.0.1']);
    expect(endpoint.published).toEqual([
      { port: 'vi1000000', address: '203.0.113.2', inside: '10.218.0.4', mac, allowIn: ['icmp'] },
    ]);
    expect(endpoint.portSecurity.addresses).toEqual(['10.218.0.4']);
  });

  it('without a place in the inside subnet is refused', () => {
    expect(() => endpointOf({ ...request, mode: 'nat1to1', inside: '10.0.0.0/30' })).toThrow('10.0.0.0/30');
  });
});

describe('inside addresses', () => {
  const two: Pool[] = [
    { family: 4, subnet: '203.0.113.0/26', gateway: '203.0.113.1', prefix: 26 },
    { family: 4, subnet: '198.51.100.64/27', gateway: '198.51.100.65', prefix: 27 },
  ];
  const addresses = fc.oneof(
    fc.integer({ min: 0, max: 63 }).map((host) => `203.0.113.${host}`),
    fc.integer({ min: 64, max: 95 }).map((host) => `198.51.100.${host}`),
  );

  it('differ as the public ones do, lie inside, and are nobody else’s', () => {
    fc.assert(
      fc.property(addresses, addresses, (a, b) => {
        const [first, second] = [a, b].map((address) => insideOf(address, two, '10.218.0.0/16'));
        expect(first === second).toBe(a === b);
        const value = parseIp(first ?? '')?.value ?? 0n;
        const base = parseCidr('10.218.0.0/16')?.address.value ?? 0n;
        expect(value > base + 1n && value < base + 65_535n).toBe(true);
        expect(first).not.toBe(insidePool('10.218.0.0/16')?.gateway);
      }),
    );
  });

  it('are for IPv4 alone', () => {
    expect(insideOf('2001:db8::2', pools, '10.218.0.0/16')).toBeUndefined();
  });
});
