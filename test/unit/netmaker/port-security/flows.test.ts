import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowsOf, hostMulticastFlow } from '../../../../src/netmaker/port-security/flows.ts';
import { linkLocalOf } from '../../../../src/netmaker/port-security/port.ts';
import { guardedPort } from './port.ts';

const in0 = (flows: readonly string[]) => flows.filter((flow) => flow.startsWith('table=0,'));
const inTable = (table: number, flows: readonly string[]) =>
  flows
    .filter((flow) => flow.startsWith(`table=${table},`))
    .map((flow) => flow.slice(`table=${table},`.length));

describe('the flows of a port', () => {
  it('are these', () => {
    expect(flowsOf(guardedPort())).toMatchInlineSnapshot(`
      [
        "table=0,priority=60000,in_port=7,dl_src=0a:00:00:00:00:07,dl_vlan=0xffff,actions=goto_table:210",
        "table=0,priority=59900,in_port=7,dl_src=0a:00:00:00:00:07,actions=drop",
        "table=0,priority=59800,in_port=7,actions=drop",
        "table=0,priority=59700,in_port=LOCAL,dl_dst=0a:00:00:00:00:07,dl_vlan=0xffff,actions=output:7",
        "table=0,priority=59600,dl_src=0a:00:00:00:00:07,actions=drop",
        "table=0,priority=59590,arp,arp_spa=203.0.113.7,actions=drop",
        "table=0,priority=59580,icmp6,icmp_type=136,icmp_code=0,nd_target=2001:db8::7,actions=drop",
        "table=0,priority=59580,icmp6,icmp_type=136,icmp_code=0,nd_target=fe80::800:ff:fe00:7,actions=drop",
        "table=210,priority=200,in_port=7,arp,arp_op=1,arp_sha=0a:00:00:00:00:07,arp_spa=0.0.0.0,arp_tpa=203.0.113.7,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=200,in_port=7,arp,arp_op=1,arp_sha=0a:00:00:00:00:07,arp_spa=203.0.113.7,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=200,in_port=7,arp,arp_op=2,arp_sha=0a:00:00:00:00:07,arp_spa=203.0.113.7,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=100,in_port=7,ip,nw_src=203.0.113.7,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=190,in_port=7,arp,actions=drop",
        "table=210,priority=90,in_port=7,ip,actions=drop",
        "table=210,priority=310,in_port=7,icmp6,icmp_type=135,icmp_code=0,nd_target=::,actions=drop",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=135,icmp_code=0,ipv6_src=::,nd_target=2001:db8::7,nd_sll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=135,icmp_code=0,ipv6_src=2001:db8::7,nd_sll=0a:00:00:00:00:07,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=135,icmp_code=0,ipv6_src=2001:db8::7,nd_sll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=2001:db8::7,nd_target=2001:db8::7,nd_tll=0a:00:00:00:00:07,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=2001:db8::7,nd_target=2001:db8::7,nd_tll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=2001:db8::7,nd_target=fe80::800:ff:fe00:7,nd_tll=0a:00:00:00:00:07,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=2001:db8::7,nd_target=fe80::800:ff:fe00:7,nd_tll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=100,in_port=7,ipv6,ipv6_src=2001:db8::7,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=135,icmp_code=0,ipv6_src=::,nd_target=fe80::800:ff:fe00:7,nd_sll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=135,icmp_code=0,ipv6_src=fe80::800:ff:fe00:7,nd_sll=0a:00:00:00:00:07,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=135,icmp_code=0,ipv6_src=fe80::800:ff:fe00:7,nd_sll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=fe80::800:ff:fe00:7,nd_target=2001:db8::7,nd_tll=0a:00:00:00:00:07,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=fe80::800:ff:fe00:7,nd_target=2001:db8::7,nd_tll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=fe80::800:ff:fe00:7,nd_target=fe80::800:ff:fe00:7,nd_tll=0a:00:00:00:00:07,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=300,in_port=7,icmp6,icmp_type=136,icmp_code=0,ipv6_src=fe80::800:ff:fe00:7,nd_target=fe80::800:ff:fe00:7,nd_tll=00:00:00:00:00:00,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=100,in_port=7,ipv6,ipv6_src=fe80::800:ff:fe00:7,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=290,in_port=7,icmp6,icmp_type=135,actions=drop",
        "table=210,priority=290,in_port=7,icmp6,icmp_type=136,actions=drop",
        "table=210,priority=290,in_port=7,icmp6,icmp_type=134,actions=drop",
        "table=210,priority=290,in_port=7,icmp6,icmp_type=137,actions=drop",
        "table=210,priority=100,in_port=7,icmp6,icmp_type=131,ipv6_src=::,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=100,in_port=7,icmp6,icmp_type=132,ipv6_src=::,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=100,in_port=7,icmp6,icmp_type=143,ipv6_src=::,actions=load:0x1->NXM_NX_REG0[],goto_table:211",
        "table=210,priority=89,in_port=7,ipv6,actions=drop",
        "table=210,priority=10,in_port=7,actions=drop",
        "table=211,priority=190,in_port=7,icmp6,icmp_type=135,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=NORMAL",
        "table=211,priority=190,in_port=7,icmp6,icmp_type=136,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=NORMAL",
        "table=211,priority=180,in_port=7,ip,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=LOCAL",
        "table=211,priority=180,in_port=7,ipv6,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=LOCAL",
        "table=211,priority=10,in_port=7,actions=NORMAL",
        "table=211,priority=130,dl_dst=0a:00:00:00:00:07,icmp6,icmp_type=135,actions=output:7",
        "table=211,priority=130,dl_dst=0a:00:00:00:00:07,icmp6,icmp_type=136,actions=output:7",
        "table=211,priority=120,dl_dst=0a:00:00:00:00:07,ip,actions=ct(table=212,zone=28528)",
        "table=211,priority=120,dl_dst=0a:00:00:00:00:07,ipv6,actions=ct(table=212,zone=28528)",
        "table=211,priority=110,dl_dst=0a:00:00:00:00:07,actions=output:7",
        "table=212,priority=100,ct_state=+trk+est-inv,dl_dst=0a:00:00:00:00:07,actions=output:7",
        "table=212,priority=99,ct_state=+trk+rel-inv,dl_dst=0a:00:00:00:00:07,actions=output:7",
        "table=212,priority=90,ct_state=+trk+new-inv,dl_dst=0a:00:00:00:00:07,ip,ct_nw_proto=17,ct_tp_dst=443,actions=ct(commit,zone=28528),output:7",
        "table=212,priority=90,ct_state=+trk+new-inv,dl_dst=0a:00:00:00:00:07,ipv6,ct_nw_proto=17,ct_tp_dst=443,actions=ct(commit,zone=28528),output:7",
        "table=212,priority=80,dl_dst=0a:00:00:00:00:07,actions=drop",
      ]
    `);
  });

  it('let a guest of IPv4 alone have its link-local address and nothing else of IPv6', () => {
    const flows = flowsOf(guardedPort({ addresses: ['203.0.113.7'] }));
    const sources = flows.flatMap((flow) => /ipv6_src=([^,]+)/.exec(flow)?.[1] ?? []);
    expect(new Set(sources)).toEqual(new Set(['::', 'fe80::800:ff:fe00:7']));
  });

  it('track nothing for a port that takes everything, unless a neighbour with a firewall asked', () => {
    const tracked = flowsOf(guardedPort({ allowIn: ['icmp', 'all'] })).filter((flow) =>
      flow.includes('ct(table'),
    );
    expect(tracked).not.toEqual([]);
    for (const flow of tracked) expect(flow).toContain('reg0=0x1');
  });

  it('never track what the host sends', () => {
    for (const isolate of [true, false]) {
      const fromHost = flowsOf(guardedPort({ isolate })).filter((flow) => flow.includes('in_port=LOCAL'));
      expect(fromHost).toEqual([
        'table=0,priority=59700,in_port=LOCAL,dl_dst=0a:00:00:00:00:07,dl_vlan=0xffff,actions=output:7',
      ]);
    }
  });

  it('give the shared address of a group to its holder beside its own', () => {
    const flows = flowsOf(guardedPort({ addresses: ['203.0.113.7', '203.0.113.99'] }));
    for (const address of ['203.0.113.7', '203.0.113.99']) {
      expect(flows).toContainEqual(expect.stringContaining(`ip,nw_src=${address},actions=load`));
      expect(flows).toContainEqual(expect.stringContaining(`arp,arp_spa=${address},actions=drop`));
    }
  });
});

describe('an isolated port', () => {
  it('reaches the host only, also with multicast', () => {
    const flows = flowsOf(guardedPort({ isolate: true }));
    expect(inTable(211, flows)).toEqual([
      'priority=200,in_port=7,actions=LOCAL',
      'priority=100,dl_dst=0a:00:00:00:00:07,actions=drop',
    ]);
    expect(flows.join('\n')).not.toContain('NORMAL');
  });

  it('reaches the uplink too where the uplink is the way to the gateway', () => {
    const flows = flowsOf(guardedPort({ isolate: true, allowIn: ['all'] }, { uplink: 1 }));
    expect(inTable(211, flows)[0]).toBe('priority=200,in_port=7,actions=LOCAL,output:1');
    const arriving = inTable(211, flows).filter((flow) => flow.includes('output:7'));
    for (const flow of arriving) expect(flow).toContain('in_port=1,');
  });

  it('gets the host’s multicast by name, in an order that does not depend on who came first', () => {
    expect(hostMulticastFlow([12, 7])).toBe(hostMulticastFlow([7, 12]));
    expect(hostMulticastFlow([12, 7])).toMatch(/actions=NORMAL,output:7,output:12$/);
  });
});

describe('an uplink in the bridge', () => {
  it('is filtered like a neighbour, and what the guest opens through it is known', () => {
    const flows = flowsOf(guardedPort({}, { uplink: 1 }));
    expect(in0(flows)).toContain(
      'table=0,priority=59500,in_port=1,dl_dst=0a:00:00:00:00:07,dl_vlan=0xffff,actions=goto_table:211',
    );
    expect(inTable(211, flows)).toContain('priority=20,in_port=7,ip,actions=ct(table=212,zone=28528)');
    expect(inTable(212, flows)).toContain(
      'priority=50,ct_state=+trk+new-inv,in_port=7,ip,actions=ct(commit,zone=28528),NORMAL',
    );
  });

  it('does not get around the filter with the guest’s address in a multicast frame', () => {
    const drops = in0(flowsOf(guardedPort({}, { uplink: 1 }))).filter((flow) => flow.includes('59510'));
    expect(drops).toHaveLength(2);
    for (const flow of drops)
      expect(flow).toMatch(/^table=0,priority=59510,in_port=1,dl_dst=01:.*actions=drop$/);
  });
});

describe('a rate', () => {
  it('meters what comes from the guest where it enters, and what goes to it wherever it leaves', () => {
    const flows = flowsOf(guardedPort({ rateIn: 10_000, rateOut: 5_000 }));
    for (const flow of flows.filter((flow) => flow.includes('output:7')))
      expect(flow).toMatch(/actions=meter:65550,(ct\(commit,zone=28528\),)?output:7$/);
    expect(flows.filter((flow) => flow.includes('meter:65551'))).toEqual([
      expect.stringContaining('in_port=7,dl_src=0a:00:00:00:00:07,dl_vlan=0xffff,actions=meter:65551,goto'),
    ]);
  });
});

describe('flows', () => {
  const octet = fc.integer({ min: 0, max: 255 }).map((n) => n.toString(16).padStart(2, '0'));
  const port = fc
    .record({
      ofport: fc.integer({ min: 1, max: 0xfeff }),
      last: octet,
      isolate: fc.boolean(),
      allowIn: fc.subarray(['all', 'icmp', '51821-51830/udp', '443/tcp']),
      rateIn: fc.integer({ min: 1, max: 10_000_000 }),
      uplink: fc.option(fc.constant(65_000), { nil: undefined }),
    })
    .map(({ ofport, last, isolate, allowIn, rateIn, uplink }) =>
      guardedPort(
        { mac: `0a:00:00:00:00:${last}`, isolate, allowIn, rateIn },
        { ofport, ...(uplink === undefined ? {} : { uplink }) },
      ),
    );

  it('are each there once: none replaces another of the same port', () => {
    fc.assert(
      fc.property(port, (one) => {
        const places = flowsOf(one).map((flow) => flow.slice(0, flow.indexOf(',actions=')));
        expect(new Set(places).size).toBe(places.length);
      }),
    );
  });

  it('of two ports never stand in each other’s place', () => {
    fc.assert(
      fc.property(port, port, (one, two) => {
        fc.pre(one.ofport !== two.ofport && one.portSecurity.mac !== two.portSecurity.mac);
        const apart = {
          ...two,
          portSecurity: { ...two.portSecurity, addresses: ['203.0.113.8', '2001:db8::8'] },
        };
        const place = (flow: string) => flow.slice(0, flow.indexOf(',actions='));
        const taken = new Set(flowsOf(one).map(place));
        expect(flowsOf(apart).filter((flow) => taken.has(place(flow)))).toEqual([]);
      }),
    );
  });

  it('let out of the source table only what has the port’s own sender', () => {
    fc.assert(
      fc.property(port, (one) => {
        const own = [...one.portSecurity.addresses, linkLocalOf(one.portSecurity.mac)];
        for (const flow of inTable(210, flowsOf(one)).filter((flow) => flow.includes('goto_table'))) {
          const sender = /(?:nw_src|ipv6_src|arp_spa)=([^,]+)/.exec(flow)?.[1];
          const target = /(?:arp_tpa|nd_target)=([^,]+)/.exec(flow)?.[1];
          if (sender === '0.0.0.0') expect(own).toContain(target);
          else if (sender === '::') expect(flow).toMatch(/icmp_type=(131|132|143|135,.*nd_target=)/);
          else expect(own).toContain(sender);
        }
      }),
    );
  });

  it.each([
    [{ mac: '0a:00:00:00:00:07,actions=ALL' }, 'guard.mac'],
    [{ mac: '01:00:00:00:00:07' }, 'guard.mac'],
    [{ addresses: ['203.0.113.7,actions=ALL'] }, 'guard.addresses.0'],
    [{ addresses: ['203.0.113.7/24'] }, 'guard.addresses.0'],
    [{ addresses: ['2001:DB8::7'] }, 'guard.addresses.0'],
    [{ rateIn: 0.5 }, 'guard.rateIn'],
  ])('are not made from %j', (guard, where) => {
    expect(() => flowsOf(guardedPort(guard))).toThrow(where);
  });

  it('are not made for a bridge that would be read as an option', () => {
    expect(() => flowsOf(guardedPort({}, { bridge: '--help' }))).toThrow('bridge');
    expect(() => flowsOf(guardedPort({}, { ofport: 0xfffe }))).toThrow('ofport');
  });
});

it('knows the link-local address of a MAC', () => {
  expect(linkLocalOf('0a:00:00:00:00:07')).toBe('fe80::800:ff:fe00:7');
  expect(linkLocalOf('52:54:00:12:34:56')).toBe('fe80::5054:ff:fe12:3456');
});
