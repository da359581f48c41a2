// What is set up in a container's namespace, so that its former network goes on working.

import { describe, expect, it } from 'vitest';
import { configureLines, type GuestNetwork, releaseLines } from '../../../src/core/kernel/guest-network.ts';
import type { VethRequest } from '../../../src/core/plan/desired.ts';

const request: VethRequest = {
  pid: 42,
  guestInterface: 'ovs0',
  mac: '02:00:00:00:00:01',
  addresses: ['203.0.113.2/24'],
  gateways: ['203.0.113.1'],
  nameservers: ['10.9.0.53'],
};

/** A container on Docker's default bridge, as `ip -json` shows it. */
const fresh: GuestNetwork = {
  family: 4,
  links: [
    { ifname: 'lo', addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8, scope: 'host' }] },
    { ifname: 'eth0', addr_info: [{ family: 'inet', local: '172.17.0.2', prefixlen: 16, scope: 'global' }] },
    { ifname: 'ovs0', addr_info: [] },
  ],
  routes: [
    { dst: 'default', gateway: '172.17.0.1', dev: 'eth0' },
    { dst: '172.17.0.0/16', dev: 'eth0' },
  ],
  rules: [{ priority: 0, src: 'all', table: 'local' }],
};

/** The same once all lines have run. */
const configured: GuestNetwork = {
  ...fresh,
  links: [
    ...fresh.links.slice(0, 2),
    { ifname: 'ovs0', addr_info: [{ family: 'inet', local: '203.0.113.2', prefixlen: 24, scope: 'global' }] },
  ],
  routes: [
    { dst: 'default', gateway: '203.0.113.1', dev: 'ovs0' },
    { dst: '10.9.0.53', gateway: '172.17.0.1', dev: 'eth0' },
    { dst: 'default', gateway: '172.17.0.1', dev: 'eth0', table: '5182' },
  ],
  rules: [{ priority: 5182, src: '172.17.0.2', table: '5182' }],
};

describe('a container that gets a default route of its own', () => {
  it("answers what comes in through Docker's network there, and asks its name server there", () => {
    expect(configureLines(request, fresh)).toEqual([
      'address replace 203.0.113.2/24 dev ovs0',
      'route replace 172.17.0.0/16 dev eth0 table 5182',
      'route replace default via 172.17.0.1 dev eth0 table 5182',
      'rule add pref 5182 from 172.17.0.2 lookup 5182',
      'route replace 10.9.0.53 via 172.17.0.1 dev eth0',
      'route replace default via 203.0.113.1 dev ovs0 onlink',
    ]);
  });

  it('can be set up again and again: no rule is there twice', () => {
    const lines = configureLines(request, configured);
    expect(lines.filter((line) => line.startsWith('rule'))).toEqual([]);
    expect(lines).toContain('route replace default via 172.17.0.1 dev eth0 table 5182');
  });

  it('keeps no route by which it would ask a neighbour of its own network elsewhere', () => {
    const lines = configureLines({ ...request, nameservers: ['172.17.0.53', '203.0.113.53'] }, fresh);
    expect(lines.filter((line) => /\.53 /.test(line))).toEqual([]);
  });

  it('loses an address that has moved on to another container', () => {
    const [ovs0] = configured.links.slice(2);
    const both = [
      ...(ovs0?.addr_info ?? []),
      { family: 'inet', local: '203.0.113.9', prefixlen: 24, scope: 'global' },
    ];
    const links = [...configured.links.slice(0, 2), { ifname: 'ovs0', addr_info: both }];
    expect(configureLines(request, { ...configured, links })).toContain(
      'address del 203.0.113.9/24 dev ovs0',
    );
  });

  it('keeps the address that it has now when an earlier one of the same subnet goes', () => {
    const of = (local: string) => ({ family: 'inet', local, prefixlen: 24, scope: 'global' });
    const former = [of('203.0.113.8'), of('203.0.113.9'), of('203.0.113.2')];
    const links = [...fresh.links.slice(0, 2), { ifname: 'ovs0', addr_info: former }];
    expect(configureLines(request, { ...fresh, links }).slice(0, 3)).toEqual([
      'address del 203.0.113.9/24 dev ovs0',
      'address del 203.0.113.8/24 dev ovs0',
      'address replace 203.0.113.2/24 dev ovs0',
    ]);
  });

  it('that has no other network gets its route and nothing else', () => {
    const alone = { ...fresh, links: fresh.links.slice(2), routes: [] };
    expect(configureLines(request, alone)).toEqual([
      'address replace 203.0.113.2/24 dev ovs0',
      'route replace default via 203.0.113.1 dev ovs0 onlink',
    ]);
  });

  it('has no other default route left that the kernel could take', () => {
    const routes = [...fresh.routes, { dst: 'default', gateway: '172.18.0.1', dev: 'eth2', metric: 50 }];
    expect(configureLines(request, { ...fresh, routes })).toContain(
      'route del default via 172.18.0.1 dev eth2 metric 50',
    );
  });

  it('gets an IPv6 address that it can use at once', () => {
    const six = { ...request, addresses: ['2001:db8::2/64'], gateways: ['2001:db8::1'] };
    expect(configureLines(six, { family: 6, links: [], routes: [], rules: [] })).toEqual([
      'address replace 2001:db8::2/64 dev ovs0 nodad',
      'route replace default via 2001:db8::1 dev ovs0 onlink',
    ]);
  });

  it('brings nothing of its own making into a command', () => {
    // It has NET_ADMIN, and so the choice of its routes; a gateway that is no address is none.
    const routes = [{ dst: 'default', gateway: '172.17.0.1\nlink set ovs0 down', dev: 'eth0' }];
    const lines = configureLines(request, { ...fresh, routes });
    expect(lines.join('\n')).not.toContain('link set');
  });
});

describe('a container that loses it again', () => {
  it("has Docker's default route where it was, and nothing of ours", () => {
    expect(releaseLines(request, configured)).toEqual([
      'rule del pref 5182 from 172.17.0.2 lookup 5182',
      'route del 10.9.0.53 via 172.17.0.1 dev eth0',
      'route replace default via 172.17.0.1 dev eth0',
      'route flush table 5182',
    ]);
  });

  it('that never had one is left alone', () => {
    expect(releaseLines({ ...request, gateways: [] }, { ...fresh, routes: [] })).toEqual([]);
  });
});
