import { describe, expect, it } from 'vitest';
import { isOnLink, layoutOf, uplinkFor } from '../../../../src/netmaker/gateway/uplink.ts';
import { host, link, pool4, spec } from './host.ts';

const auto = { onLink: 'auto' } as const;
const pool = (subnet: string, gateway: string) => ({ ...pool4, subnet, gateway });

describe('the uplink', () => {
  const defaults = [
    { family: 'inet' as const, device: 'ovsbr1', metric: 0 },
    { family: 'inet' as const, device: 'eno1', metric: 100 },
    { family: 'inet' as const, device: 'eno2', metric: 200 },
  ];

  it('is the device of the best default route, but never the bridge of the containers', () => {
    expect(uplinkFor(4, spec(), defaults)).toBe('eno1');
    expect(uplinkFor(4, spec({ uplink: 'ovsbr1' }), defaults)).toBeUndefined();
  });

  it('is another one for each family, and may be missing', () => {
    expect(uplinkFor(6, spec(), defaults)).toBeUndefined();
  });

  it('is the one that was named', () => {
    expect(uplinkFor(4, spec({ uplink: 'eno2' }), defaults)).toBe('eno2');
  });
});

describe('a pool', () => {
  const eno1 = link(2, ['203.0.113.2/24']);

  it.each([
    ['the subnet of the uplink', '203.0.113.0/24', true],
    ['a part of it', '203.0.113.64/27', true],
    ['a single address of it', '203.0.113.9/32', true],
    ['larger than it', '203.0.112.0/23', false],
    ['elsewhere', '198.51.100.0/24', false],
  ])('that is %s is on-link: %s → %s', (_, subnet, expected) => {
    expect(isOnLink(pool(subnet, '203.0.113.1'), auto, eno1)).toBe(expected);
  });

  it('is on-link or not where that is configured, and never without an uplink', () => {
    expect(isOnLink(pool('198.51.100.0/24', '198.51.100.1'), { onLink: true }, eno1)).toBe(true);
    expect(isOnLink(pool('203.0.113.0/24', '203.0.113.1'), { onLink: false }, eno1)).toBe(false);
    expect(isOnLink(pool('203.0.113.0/24', '203.0.113.1'), { onLink: true }, undefined)).toBe(false);
  });

  it('is not taken for a part of a single address at the uplink, as clouds give them', () => {
    expect(isOnLink(pool('203.0.113.8/29', '203.0.113.9'), auto, link(2, ['203.0.113.9/32']))).toBe(false);
  });
});

describe('the gateway', () => {
  const layout = (subnet: string, gateway: string, eno1: string[]) =>
    layoutOf(pool(subnet, gateway), 'ovsbr1', host({ links: { eno1: link(2, eno1) } }).links);

  it('is on the bridge with the whole subnet where the pool is the host’s alone', () => {
    expect(layout('203.0.113.0/24', '203.0.113.1', ['192.0.2.10/24'])).toBe('subnet');
    expect(layout('192.0.2.128/28', '192.0.2.129', ['192.0.2.10/24'])).toBe('subnet');
  });

  it('does not take the route of the LAN away: not with its very subnet, not with the host’s address in it', () => {
    expect(layout('192.0.2.0/24', '192.0.2.1', ['192.0.2.10/24'])).toBe('lan');
    expect(layout('192.0.0.0/16', '192.0.0.1', ['192.0.2.10/24'])).toBe('lan');
    expect(layout('192.0.2.0/25', '192.0.2.1', ['192.0.2.10/24'])).toBe('lan');
  });

  it('does not mind a single address of the pool that the host has elsewhere', () => {
    expect(layout('203.0.113.8/29', '203.0.113.9', ['203.0.113.10/32'])).toBe('subnet');
  });

  it('that is no address of the pool is a single one on the bridge', () => {
    expect(layout('192.0.2.0/24', '169.254.51.1', ['192.0.2.10/24'])).toBe('outside');
  });
});
