// What is set up in a container's namespace, so that its former network goes on working.

import { describe, expect, it } from 'vitest';
import {
  configureLines,
  type GuestNetwork,
  releaseLines,
} from '../../../../src/core/kernel/guest-network.ts';
import type { VethRequest } from '../../../../src/core/kernel/veth-request.ts';

const request: VethRequest = {
  pid: 42,
  guestInterface: 'ovs0',
  mac: '02:00:00:00:00:01',
  addresses: ['203.0.113.2/24'],
  gateways: ['203.0.113.1'],
  nameservers: ['10.9.0.53'],
  networks: [{ id: 'one', addresses: ['172.17.0.2'], gateways: ['172.17.0.1'] }],
};
const given = { addresses: request.addresses, gateways: request.gateways };

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
    { dst: 'default', gateway: '203.0.113.1', dev: 'ovs0', metric: 1 },
    { dst: 'default', gateway: '172.17.0.1', dev: 'eth0', table: '5182' },
    { dst: 'default', gateway: '203.0.113.1', dev: 'ovs0', table: '5183' },
  ],
  rules: [
    { priority: 5182, src: '172.17.0.2', table: '5182' },
    { priority: 5182, src: 'all', dst: '10.9.0.53', table: '5182' },
    { priority: 5183, src: '203.0.113.2', table: 'main' },
    { priority: 5184, src: '203.0.113.2', table: '5183' },
  ],
};
const main = configured.routes.slice(0, 1);
const others = configured.routes.slice(1);

describe('a container that gets a default route of its own', () => {
  it("answers what comes in through Docker's network there, and asks its name server there", () => {
    expect(configureLines(request, fresh)).toEqual([
      'address replace 203.0.113.2/24 dev ovs0',
      'route replace 172.17.0.0/16 dev eth0 table 5182',
      'route replace default via 172.17.0.1 dev eth0 table 5182',
      'rule add pref 5182 from 172.17.0.2 lookup 5182',
      'rule add pref 5182 to 10.9.0.53 lookup 5182',
      'route replace default via 203.0.113.1 dev ovs0 onlink table 5183',
      'rule add pref 5183 from 203.0.113.2 lookup main suppress_prefixlength 0',
      'rule add pref 5184 from 203.0.113.2 lookup 5183',
      'route replace default via 203.0.113.1 dev ovs0 onlink metric 1',
      'route del default via 172.17.0.1 dev eth0',
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
      'route replace default via 203.0.113.1 dev ovs0 onlink table 5183',
      'rule add pref 5183 from 203.0.113.2 lookup main suppress_prefixlength 0',
      'rule add pref 5184 from 203.0.113.2 lookup 5183',
      'route replace default via 203.0.113.1 dev ovs0 onlink metric 1',
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
      'route replace default via 2001:db8::1 dev ovs0 onlink table 5183',
      'rule add pref 5183 from 2001:db8::2 lookup main suppress_prefixlength 0',
      'rule add pref 5184 from 2001:db8::2 lookup 5183',
      'route replace default via 2001:db8::1 dev ovs0 onlink metric 1025',
    ]);
  });

  it('brings nothing of its own making into a command', () => {
    // It has NET_ADMIN, and so the choice of its routes; a gateway that is no address is none.
    const routes = [{ dst: 'default', gateway: '172.17.0.1\nlink set ovs0 down', dev: 'eth0' }];
    const lines = configureLines(request, { ...fresh, routes });
    expect(lines.join('\n')).not.toContain('link set');
  });
});

describe('a container that has been set up', () => {
  const set = (routes: GuestNetwork['routes'], more: Partial<GuestNetwork> = {}) => ({
    ...configured,
    ...more,
    routes: [...routes, ...others],
  });
  const changes = (network: GuestNetwork, wish: VethRequest = request) =>
    configureLines(wish, network, given).filter((line) => !/ table 5182$/.test(line));

  it('is left as it is', () => expect(changes(configured)).toEqual([]));

  it('keeps the default route that it has set itself, or set instead of ours, and the lack of one', () => {
    const tunnel = { dst: 'default', gateway: '10.101.0.1', dev: 'netmaker' };
    expect(changes(set([tunnel]))).toEqual([]);
    expect(changes(set([tunnel, ...main]))).toEqual([]);
    expect(changes(set([{ dst: 'default', dev: 'netmaker', metric: 50 }, ...main]))).toEqual([]);
    expect(changes(set([]))).toEqual([]);
  });

  it('keeps addresses that it gave itself, and the lack of one that it took off', () => {
    const [lo = { ifname: 'lo', addr_info: [] }, eth0 = lo] = configured.links;
    const own = [{ family: 'inet', local: '198.51.100.7', prefixlen: 24, scope: 'global' }];
    expect(changes(set(main, { links: [lo, eth0, { ifname: 'ovs0', addr_info: own }] }))).toEqual([]);
  });

  it("gives way to no default route of Docker's, whatever network it leads to", () => {
    const requeueAfterMs = { dst: 'default', gateway: '172.17.0.1', dev: 'eth0' };
    expect(changes(set([requeueAfterMs, ...main]))).toEqual(['route del default via 172.17.0.1 dev eth0']);
    const wish = {
      ...request,
      networks: [...request.networks, { id: 'two', addresses: ['172.18.0.9'], gateways: ['172.18.0.1'] }],
    };
    const addr_info = [{ family: 'inet', local: '172.18.0.9', prefixlen: 16, scope: 'global' }];
    const links = [...configured.links, { ifname: 'eth1', addr_info }];
    const other = { dst: 'default', gateway: '172.18.0.1', dev: 'eth1' };
    const lines = configureLines(wish, set([other, ...main], { links }), given);
    expect(lines).toEqual([
      'route replace 172.17.0.0/16 dev eth0 table 5182',
      'route replace 172.18.0.0/16 dev eth1 table 5182',
      'route replace default via 172.18.0.1 dev eth1 table 5182',
      'rule add pref 5182 from 172.18.0.9 lookup 5182',
      'route del default via 172.18.0.1 dev eth1',
    ]);
  });

  it('and has put our route back without a metric gets it out of the way of Docker', () => {
    const put = { dst: 'default', gateway: '203.0.113.1', dev: 'ovs0' };
    expect(changes(set([put]))).toEqual([
      'route replace default via 203.0.113.1 dev ovs0 onlink metric 1',
      'route del default via 203.0.113.1 dev ovs0',
    ]);
  });

  it('gets what is asked for anew, and loses what is not any more', () => {
    const wish = { ...request, addresses: ['203.0.113.3/24'] };
    expect(changes(configured, wish)).toEqual([
      'address del 203.0.113.2/24 dev ovs0',
      'address replace 203.0.113.3/24 dev ovs0',
      'rule del pref 5183 from 203.0.113.2',
      'rule del pref 5184 from 203.0.113.2',
      'rule add pref 5183 from 203.0.113.3 lookup main suppress_prefixlength 0',
      'rule add pref 5184 from 203.0.113.3 lookup 5183',
    ]);
    expect(changes(configured, { ...request, gateways: ['203.0.113.254'] })).toEqual([
      'route replace default via 203.0.113.254 dev ovs0 onlink table 5183',
      'route replace default via 203.0.113.254 dev ovs0 onlink metric 1',
    ]);
  });

  it('and was taken out of a network of Docker has no rule for its address there any more', () => {
    const rules = [...configured.rules, { priority: 5182, src: '172.18.0.9', table: '5182' }];
    expect(changes({ ...configured, rules })).toEqual(['rule del pref 5182 from 172.18.0.9']);
  });
});

describe('a container that loses it again', () => {
  const released = (routes: GuestNetwork['routes']) =>
    releaseLines(request, { ...configured, routes }).filter((line) => !line.startsWith('rule del'));

  it("has Docker's default route where it was, and nothing of ours", () => {
    expect(releaseLines(request, configured)).toEqual([
      'rule del pref 5182 from 172.17.0.2',
      'rule del pref 5182 to 10.9.0.53',
      'rule del pref 5183 from 203.0.113.2',
      'rule del pref 5184 from 203.0.113.2',
      'route replace default via 172.17.0.1 dev eth0 metric 0',
      'route del default via 203.0.113.1 dev ovs0 metric 1',
      'route flush table 5182',
      'route flush table 5183',
    ]);
  });

  it('has it back also where it leads through no gateway', () => {
    expect(released([...main, { dst: 'default', dev: 'eth0', table: '5182' }])).toEqual([
      'route replace default dev eth0 scope link metric 0',
      'route del default via 203.0.113.1 dev ovs0 metric 1',
      'route flush table 5182',
    ]);
  });

  it('has it back also where nothing of it is left, as Docker says it should be', () => {
    expect(released(main)).toEqual([
      'route replace default via 172.17.0.1 dev eth0 metric 0',
      'route del default via 203.0.113.1 dev ovs0 metric 1',
    ]);
  });

  it('keeps what Docker, or it itself, has set since', () => {
    const requeueAfterMs = { dst: 'default', gateway: '172.17.0.1', dev: 'eth0' };
    expect(released([requeueAfterMs, ...main])).toEqual([
      'route del default via 203.0.113.1 dev ovs0 metric 1',
    ]);
    const tunnel = { dst: 'default', gateway: '10.101.0.1', dev: 'netmaker' };
    expect(released([tunnel])).toEqual([]);
  });

  it('that never had one is left alone', () => {
    expect(releaseLines({ ...request, gateways: [], networks: [] }, { ...fresh, routes: [] })).toEqual([]);
  });
});
