import { describe, expect, it } from 'vitest';
import { flowsOf, hostMulticastFlow } from '../../../../src/netmaker/port-security/flows.ts';
import {
  digestOf,
  markOf,
  multicastPorts,
  parseFlows,
  parseUnfloodedPorts,
  securityByVmidOf,
} from '../../../../src/netmaker/port-security/installed.ts';
import { cookieOf } from '../../../../src/netmaker/port-security/pipeline.ts';
import type { SecuredPort } from '../../../../src/netmaker/port-security/port.ts';
import { guardedPort } from './port.ts';

const HEADER = 'OFPST_FLOW reply (OF1.4) (xid=0x2):';
const FOREIGN = ' cookie=0x0, duration=0.182s, table=0, n_packets=1, n_bytes=150, priority=0 actions=NORMAL';

/** As ovs-ofctl prints a flow that was given to it; `packets` tells how many it has seen. */
function dumped(vmid: number, flow: string, packets = 0): string {
  const [, table, rest, actions] = /^table=(\d+),(.*),actions=(.*)$/.exec(flow) ?? [];
  const counters = `duration=3.064s, table=${table}, n_packets=${packets}, n_bytes=${packets * 60},`;
  return ` cookie=${cookieOf(vmid)}, ${counters} ${rest} actions=${actions}`;
}

function dumpOf(port: SecuredPort, packets: (flow: string) => number = () => 0): string[] {
  return [...flowsOf(port), markOf(port)].map((flow) => dumped(port.vmid, flow, packets(flow)));
}

const read = (...lines: string[]) => securityByVmidOf(parseFlows([HEADER, FOREIGN, ...lines].join('\n')));

describe('what is installed', () => {
  const port = guardedPort();

  it('is right when it is what install leaves behind', () => {
    expect(read(...dumpOf(port)).get(1000007)).toEqual({
      ofport: 7,
      digest: digestOf(port),
      isolate: false,
      spoofed: { mac: 0, arp: 0, nd: 0, ipv4: 0, ipv6: 0, other: 0 },
      refused: 0,
    });
  });

  it('is not right when one flow, or the mark, is gone', () => {
    const lines = dumpOf(port);
    for (const at of [0, 5, lines.length - 1])
      expect(read(...lines.toSpliced(at, 1)).get(1000007)?.digest).toBe('');
  });

  it('is told apart by port, also where somebody else has flows', () => {
    const other = guardedPort(
      { mac: '0a:00:00:00:00:08', addresses: ['203.0.113.8'] },
      { vmid: 200, ofport: 8 },
    );
    const guards = read(...dumpOf(port), ...dumpOf(other));
    expect([...guards].map(([vmid, { ofport, digest }]) => [vmid, ofport, digest])).toEqual([
      [1000007, 7, digestOf(port)],
      [200, 8, digestOf(other)],
    ]);
  });

  it('says what was dropped, by what was forged', () => {
    const packets = (flow: string) => {
      if (/in_port=7,actions=drop/.test(flow) && flow.startsWith('table=0')) return 1;
      if (/in_port=7,arp,actions=drop/.test(flow)) return 2;
      if (/in_port=7,icmp6,icmp_type=134,actions=drop/.test(flow)) return 3;
      if (/in_port=7,ip,actions=drop/.test(flow)) return 4;
      if (/in_port=7,ipv6,actions=drop/.test(flow)) return 5;
      if (/dl_dst=0a:00:00:00:00:07,actions=drop/.test(flow)) return 6;
      return flow.endsWith('drop') ? 0 : 1000;
    };
    expect(read(...dumpOf(port, packets)).get(1000007)).toMatchObject({
      spoofed: { mac: 1, arp: 2, nd: 3, ipv4: 4, ipv6: 5, other: 0 },
      refused: 6,
    });
  });

  it('counts every flow that drops', () => {
    for (const isolate of [true, false]) {
      const own = guardedPort({ isolate }, { uplink: 1 });
      const drops = flowsOf(own).filter((flow) => flow.endsWith('=drop')).length;
      const portSecurity = read(...dumpOf(own, (flow) => (flow.endsWith('=drop') ? 1 : 0))).get(1000007);
      const { spoofed, refused = 0 } = portSecurity ?? {};
      // The mark drops nothing, as nothing gets there.
      expect(Object.values(spoofed ?? {}).reduce((sum, n) => sum + n, refused)).toBe(drops);
    }
  });

  it('is read strictly', () => {
    expect(() =>
      read(' cookie=0x6f706167000f4247, table=0, n_packets=-1, n_bytes=0, priority=1 actions=drop'),
    ).toThrow(/cannot be read/);
  });
});

describe('the digest', () => {
  it('changes with everything that the guard says', () => {
    const digests = [
      guardedPort(),
      guardedPort({ mac: '0a:00:00:00:00:08' }),
      guardedPort({ addresses: ['203.0.113.7'] }),
      guardedPort({ isolate: true }),
      guardedPort({ allowIn: ['all'] }),
      guardedPort({ rateIn: 1000 }),
      guardedPort({ rateIn: 2000 }),
      guardedPort({ rateOut: 1000 }),
      guardedPort({}, { ofport: 8 }),
      guardedPort({}, { uplink: 1 }),
    ].map(digestOf);
    expect(new Set(digests).size).toBe(digests.length);
  });
});

it('knows which isolated ports the host’s multicast goes to', () => {
  expect(multicastPorts(parseFlows(dumped(0, hostMulticastFlow([12, 7]))))).toEqual(new Set([7, 12]));
  expect(multicastPorts(parseFlows(FOREIGN))).toEqual(new Set());
});

it('knows which ports are not flooded to', () => {
  const text = `OFPST_PORT_DESC reply (xid=0x2):
 1(vi100010): addr:de:a7:bd:fa:4a:d5
     config:     NO_FLOOD
     state:      0
     speed: 10000 Mbps now, 0 Mbps max
 2(vi100011): addr:7e:ab:11:72:64:c6
     config:     0
     state:      0
 3(vi100012): addr:7e:ab:11:72:64:c6
     config:     PORT_DOWN NO_FLOOD
     state:      LINK_DOWN
 LOCAL(ovsbr1): addr:de:75:c6:92:a1:45
     config:     NO_FLOOD
     state:      0`;
  expect(parseUnfloodedPorts(text)).toEqual(new Set([1, 3]));
});
