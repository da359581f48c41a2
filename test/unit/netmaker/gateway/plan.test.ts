import { describe, expect, it } from 'vitest';
import { desiredResources } from '../../../../src/netmaker/gateway/desired.ts';
import { type Entry, entrySchema, keyOf } from '../../../../src/netmaker/gateway/host-resources.ts';
import type { Observed } from '../../../../src/netmaker/gateway/observed.ts';
import { gatewayPlan, type Step, undoForwarding6 } from '../../../../src/netmaker/gateway/plan.ts';
import type { GatewaySpec } from '../../../../src/netmaker/gateway/spec.ts';
import { host, link, pool4, pool6, spec } from './host.ts';

const plan = (one: GatewaySpec, observed: Observed, record: Entry[] = []) =>
  gatewayPlan(desiredResources(one, observed, record), observed, record);
const keys = (steps: readonly Step[]) =>
  steps.map((step) => `${step.do} ${keyOf(step.do === 'make' ? step.resource : step.entry)}`);
const made = (one: GatewaySpec, observed: Observed) =>
  keys(plan(one, observed).steps).map((key) => key.replace('make ', ''));
const published6 = [{ port: 'vi100', address: '2001:db8:7::a', allowIn: [] }];

describe('a routed pool', () => {
  it('gets gateway and forwarding, after the rules that guard it', () => {
    expect(made(spec(), host())).toEqual([
      'table',
      'sysctl net/ipv4/conf/ovsbr1/forwarding',
      'sysctl net/ipv4/conf/eno1/forwarding',
      'address 203.0.113.1/24 ovsbr1',
    ]);
  });

  it('gets the bridge up first where it is down', () => {
    const order = made(spec(), host({ links: { ovsbr1: link(7, [], { up: false }) } }));
    expect(order.indexOf('up ovsbr1')).toBe(order.indexOf('address 203.0.113.1/24 ovsbr1') - 1);
  });

  it('changes nothing on a host that is so already', () => {
    const ready = host({
      links: { ovsbr1: link(7, ['203.0.113.1/24']) },
      sysctls: { 'net/ipv4/conf/ovsbr1/forwarding': '1', 'net/ipv4/conf/eno1/forwarding': '1' },
    });
    expect(made(spec(), ready)).toEqual(['table']);
  });

  it('needs nothing while nobody has an address of it, and nothing with l2', () => {
    expect(made(spec({ published: [] }), host())).toEqual([]);
    expect(made(spec({ mode: 'l2' }), host())).toEqual([]);
  });

  it('gets a route in every table that policy rules lead its traffic to', () => {
    const rules = [
      { table: 255 },
      { table: 100 },
      { table: 100, iif: 'eno1' },
      { table: 200, iif: 'eno7' },
      { table: 300, oif: 'eno1' },
      { table: 254 },
    ];
    const routes = made(spec(), host({ policyRules: { 4: rules, 6: [] } })).filter((key) =>
      key.startsWith('route'),
    );
    expect(routes).toEqual(['route 203.0.113.0/24 ovsbr1 100']);
  });

  it('is answered for at the uplink only where it is on-link', () => {
    expect(made(spec({ onLink: true }), host())).toContain('proxy 203.0.113.10 eno1');
    expect(made(spec(), host()).join()).not.toContain('proxy');
  });

  it('is let through Docker’s firewall where there is one, to the outside and to nobody else', () => {
    const keys = made(spec(), host({ dockerUser: { 4: true, 6: true } }));
    expect(keys.filter((key) => key.startsWith('exception'))).toEqual([
      'exception 4 from ovsbr1 eno1 203.0.113.0/24',
      'exception 4 to ovsbr1 eno1 203.0.113.0/24',
      'exception 4 among ovsbr1 ovsbr1 203.0.113.0/24',
    ]);
  });
});

describe('a bridge with an IPv6 pool', () => {
  const addresses = (own: string[]) =>
    made(spec({ pools: [pool6], published: published6 }), host({ links: { ovsbr1: link(7, own) } })).filter(
      (key) => key.startsWith('address'),
    );

  it('gets a link-local address, without which the kernel asks for no neighbour', () => {
    expect(addresses([])).toEqual(['address fe80::1/64 ovsbr1', 'address 2001:db8:7::1/64 ovsbr1']);
  });

  it('keeps the one that it has', () => {
    expect(addresses(['fe80::4c40:b4ff:fe10:df45/64'])).toEqual(['address 2001:db8:7::1/64 ovsbr1']);
  });

  it('gets the route to the link-local addresses of its containers where only the address is there', () => {
    const links = { ovsbr1: link(7, ['fe80::4c40:b4ff:fe10:df45/64']) };
    const way = 'route fe80::/64 ovsbr1 254';
    const routes = (more: Parameters<typeof host>[0]) =>
      made(spec({ pools: [pool6], published: published6 }), host({ links, ...more })).filter((key) =>
        key.startsWith('route fe80'),
      );
    expect(routes({})).toEqual([way]);
    expect(routes({ present: new Set([way]) })).toEqual([]);
    expect(routes({ links: { ovsbr1: link(7, []) } })).toEqual([]);
  });

  it('gets a link-local gateway once, though it is the link-local address as well', () => {
    const pool = { ...pool6, subnet: '2001:db8:7::a/128', gateway: 'fe80::1', prefix: 128 };
    const found = made(spec({ pools: [pool], published: published6 }), host()).filter((key) =>
      /^address/.test(key),
    );
    expect(found).toEqual(['address fe80::1/64 ovsbr1']);
  });

  it('keeps ours at the next look', () => {
    const observed = host({ links: { ovsbr1: link(7, ['fe80::1/64']) } });
    const wanted = desiredResources(spec({ pools: [pool6], published: published6 }), observed, []);
    expect(wanted.map(keyOf)).toContain('address fe80::1/64 ovsbr1');
  });
});

describe('a pool that is the LAN’s own subnet', () => {
  it('gets a route for each address and an answer for the gateway, never the subnet', () => {
    const pool = { ...pool4, subnet: '192.0.2.0/24', gateway: '192.0.2.1' };
    const published = [{ port: 'vi1', address: '192.0.2.77', allowIn: [] }];
    expect(made(spec({ pools: [pool], published }), host())).toEqual([
      'table',
      'sysctl net/ipv4/conf/ovsbr1/forwarding',
      'sysctl net/ipv4/conf/eno1/forwarding',
      'sysctl net/ipv4/conf/ovsbr1/proxy_arp',
      'sysctl net/ipv4/neigh/ovsbr1/proxy_delay',
      'route 192.0.2.77/32 ovsbr1 254',
      'sysctl net/ipv4/neigh/eno1/proxy_delay',
      'proxy 192.0.2.77 eno1',
    ]);
  });
});

describe('strict reverse path filtering', () => {
  const filters = (all: string, device: string) =>
    made(
      spec(),
      host({
        sysctls: { 'net/ipv4/conf/all/rp_filter': all, 'net/ipv4/conf/eno1/rp_filter': device },
      }),
    ).filter((key) => key.includes('eno1/rp_filter'));

  it('becomes loose where it counts, which is the larger of both values', () => {
    expect(filters('1', '0')).toHaveLength(1);
    expect(filters('0', '1')).toHaveLength(1);
    expect(filters('2', '1')).toEqual([]);
    expect(filters('0', '0')).toEqual([]);
  });

  it('stays loose at the next look, when it no longer counts as strict', () => {
    const strict = host({ sysctls: { 'net/ipv4/conf/eno1/rp_filter': '1' } });
    const { entries } = plan(spec(), strict);
    const loose = host({ sysctls: { 'net/ipv4/conf/eno1/rp_filter': '2' } });
    expect(keys(plan(spec(), loose, [...entries]).steps).join()).not.toContain('rp_filter');
    expect(keys(plan(spec({ published: [] }), loose, [...entries]).steps)).toContain(
      'undo sysctl net/ipv4/conf/eno1/rp_filter',
    );
  });
});

describe('IPv6', () => {
  it('is forwarded only when an IPv6 address is published', () => {
    expect(made(spec({ pools: [pool4, pool6] }), host())).not.toContain('forwarding6');
  });

  it('keeps router advertisements where they were in use, before forwarding would turn them off', () => {
    const observed = host({
      links: { br0: link(8), 'veth1.5': link(9, [], { enslaved: true }), eno2: link(10) },
      sysctls: {
        'net/ipv6/conf/br0/forwarding': '1',
        'net/ipv6/conf/br0/accept_ra': '1',
        'net/ipv6/conf/veth1.5/forwarding': '0',
        'net/ipv6/conf/veth1.5/accept_ra': '1',
        'net/ipv6/conf/eno2/forwarding': '0',
        'net/ipv6/conf/eno2/accept_ra': '0',
      },
    });
    const keys = made(spec({ pools: [pool6], published: published6 }), observed);
    expect(keys.filter((key) => key.includes('accept_ra'))).toEqual(['sysctl net/ipv6/conf/eno1/accept_ra']);
    expect(keys.indexOf('sysctl net/ipv6/conf/eno1/accept_ra')).toBeLessThan(keys.indexOf('forwarding6'));
  });

  const was = { all: '0', default: '0', eno1: '0', docker0: '1', off: '1' };
  it('gives every device its forwarding back, though the host’s switch sets them all', () => {
    const now = { all: '1', default: '1', eno1: '1', docker0: '1', off: '0', late: '1' };
    expect(undoForwarding6({ kind: 'forwarding6', was }, now)).toEqual([
      ['net/ipv6/conf/all/forwarding', '0'],
      ['net/ipv6/conf/docker0/forwarding', '1'],
    ]);
  });

  it('is left on where somebody has turned it off and on since, which shows as off', () => {
    const entry: Entry = { kind: 'forwarding6', was };
    const off = host({ sysctls: { 'net/ipv6/conf/all/forwarding': '0' } });
    expect(plan(spec({ published: [] }), off, [entry])).toEqual({ steps: [], entries: [] });
  });
});

describe('taking back', () => {
  const forwarding: Entry = {
    kind: 'sysctl',
    path: 'net/ipv4/conf/eno1/forwarding',
    value: '1',
    was: '0',
    host: '0',
    index: 2,
  };
  const on = { 'net/ipv4/conf/eno1/forwarding': '1' };
  const nobody = spec({ published: [] });

  it('leaves what somebody else changed since', () => {
    expect(plan(nobody, host(), [forwarding]).steps).toEqual([]);
  });

  it('leaves forwarding on that Docker has turned on for the whole host since', () => {
    expect(plan(nobody, host({ sysctls: on }), [forwarding]).steps).toHaveLength(1);
    const docker = host({ sysctls: { ...on, 'net/ipv4/conf/all/forwarding': '1' } });
    expect(plan(nobody, docker, [forwarding]).steps).toEqual([]);
  });

  it('forgets what went with its device', () => {
    const other = host({ links: { eno1: link(12) }, sysctls: on });
    expect(plan(nobody, other, [forwarding])).toEqual({ steps: [], entries: [] });
  });

  it('goes the other way round than making', () => {
    const one = spec({ onLink: true });
    const { entries, steps } = plan(one, host({ links: { ovsbr1: link(7, [], { up: false }) } }));
    const there = host({
      links: { ovsbr1: link(7, ['203.0.113.1/24']) },
      sysctls: Object.fromEntries(
        entries.flatMap((entry) => (entry.kind === 'sysctl' ? [[entry.path, entry.value]] : [])),
      ),
      present: new Set(entries.map(keyOf)),
      table: 'ours',
    });
    const undone = keys(plan(nobody, there, [...entries]).steps).map((key) => key.replace('undo ', ''));
    expect([...undone].sort()).toEqual(
      keys(steps)
        .map((key) => key.replace('make ', ''))
        .sort(),
    );
    expect(undone[0]).toBe('proxy 203.0.113.10 eno1');
    expect(undone.at(-1)).toBe('table');
  });

  it('takes one address out while another one stays', () => {
    const pool = { ...pool4, subnet: '203.0.113.0/24', gateway: '169.254.51.1', prefix: 32 };
    const first = { port: 'vi1', address: '203.0.113.10', allowIn: [] };
    const second = { port: 'vi2', address: '203.0.113.11', allowIn: [] };
    const { entries } = plan(spec({ pools: [pool], published: [first, second] }), host());
    const there = host({
      links: { ovsbr1: link(7, ['169.254.51.1/32']) },
      sysctls: { ...on, 'net/ipv4/conf/ovsbr1/forwarding': '1' },
      present: new Set(entries.map(keyOf)),
      table: 'ours',
    });
    expect(keys(plan(spec({ pools: [pool], published: [second] }), there, [...entries]).steps)).toEqual([
      'undo route 203.0.113.10/32 ovsbr1 254',
      'make table',
    ]);
  });
});

describe('the record', () => {
  it('names every change before the first is made, with what was there', () => {
    const { entries } = plan(spec(), host());
    expect(entries).toContainEqual({
      kind: 'sysctl',
      path: 'net/ipv4/conf/eno1/forwarding',
      value: '1',
      was: '0',
      host: '0',
      index: 2,
    });
    expect(entries.map(keyOf)).toEqual(made(spec(), host()));
  });

  it('keeps the first value when ours has to be set again', () => {
    const { entries } = plan(spec(), host());
    expect(plan(spec(), host(), [...entries]).entries).toEqual(entries);
  });

  it('has the table rewritten until nft was seen to show what was written', () => {
    const { entries } = plan(spec(), host());
    const table = (seen: string | undefined) =>
      entries.map((entry) => (entry.kind === 'table' && seen !== undefined ? { ...entry, seen } : entry));
    const isWritten = (seen: string | undefined, shown: string | undefined) =>
      keys(plan(spec(), host({ table: shown }), table(seen)).steps).includes('make table');
    expect(isWritten(undefined, 'a')).toBe(true);
    expect(isWritten('a', 'a')).toBe(false);
    expect(isWritten('a', 'b')).toBe(true);
    expect(isWritten('a', undefined)).toBe(true);
  });
});

describe('the record of what was made', () => {
  it('can be read again, whatever is in it', () => {
    const pools = [pool4, pool6];
    const published = [...spec().published, ...published6];
    const strict = host({
      sysctls: { 'net/ipv6/conf/ovsbr1/disable_ipv6': '1', 'net/ipv4/conf/eno1/rp_filter': '1' },
      dockerUser: { 4: true, 6: true },
    });
    const { entries } = plan(spec({ pools, published, onLink: true }), strict);
    expect(new Set(entries.map(({ kind }) => kind))).toEqual(
      new Set(['table', 'exception', 'sysctl', 'forwarding6', 'address', 'proxy']),
    );
    expect(entries.map((entry) => entrySchema.parse(JSON.parse(JSON.stringify(entry))))).toEqual(entries);
  });
});
