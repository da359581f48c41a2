// The answers about the host, from a look at it that is made up here.

import { describe, expect, it } from 'vitest';
import { interfaceBindings, networkState } from '../../../../src/api/introspect/network-state.ts';
import type { ObservedHost, ObservedSwitch } from '../../../../src/api/introspect/observed.ts';
import { portStates } from '../../../../src/api/introspect/port-state.ts';
import { bridgeTopology } from '../../../../src/api/introspect/topology.ts';
import { bridgeValidation } from '../../../../src/api/introspect/validation.ts';
import type { OvsBridge, OvsPort } from '../../../../src/core/drivers/ovsdb/bridge-tree.ts';
import { healthOf } from '../../../../src/diagnose/health.ts';
import type { Binding } from '../../../../src/state/desired-state.ts';

const UP = { up: true, operstate: 'up' };
const binding: Binding = {
  port: 'vi101',
  interface: 'tap101i0',
  bridge: 'ovsbr0',
  nic: 0,
  key: 'vmid:101',
  vmid: 101,
  runtime: 'proxmox-qemu',
  guest: 'shop',
  since: '2026-11-23T08:30:32.123Z',
  driver: 'networkmanager',
};
const marks = (vmid: number, nic = 0) => ({
  'ovs-port-agent.vmid': String(vmid),
  'ovs-port-agent.nic': String(nic),
});

function port(name: string, more: Partial<OvsPort> & { link?: object } = {}): OvsPort {
  const { link, ...rest } = more;
  const only = { name, type: '', ofport: 1, ...link };
  return { name, trunks: [], externalIds: {}, interfaces: [only], ...rest };
}
const guestPort = port('vi101', { externalIds: marks(101), link: { name: 'tap101i0' } });
const bridge = (...ports: OvsPort[]): OvsBridge => ({
  name: 'ovsbr0',
  datapathType: 'netdev',
  networkManagerUuid: 'uuid-1',
  ports: [port('ovsbr0', { link: { type: 'internal', ofport: 65534 } }), ...ports],
});
const facts = (found: OvsBridge, more: Partial<ObservedSwitch> = {}): ObservedSwitch => ({
  judged: [],
  version: '3.5.0',
  bridges: [found],
  links: new Map([
    ['ovsbr0', UP],
    ['tap101i0', UP],
    ['eth1', UP],
  ]),
  bindings: [binding],
  ...more,
});
const problems = (found: OvsBridge, more: Partial<ObservedSwitch> = {}) =>
  portStates(found, facts(found, more)).map(({ name, problem }) => [name, problem]);

describe('a port of a bridge', () => {
  it('is right when its device is there, opened, and marked for the guest that has it', () => {
    expect(problems(bridge(guestPort, port('eth1')))).toEqual([
      ['vi101', undefined],
      ['eth1', undefined],
    ]);
  });

  it.each([
    ['has an error', { link: { name: 'tap101i0', error: 'no such device' } }, /no such device/],
    ['was not opened', { link: { name: 'tap101i0', ofport: -1 } }, /not opened tap101i0/],
    ['has no number yet', { link: { name: 'tap101i0', ofport: undefined } }, /not opened/],
    ['has lost its device', { link: { name: 'gone' } }, /no network device gone/],
    ['is marked for another guest', { externalIds: marks(102) }, /card 0 of 102/],
    ['is marked for another card', { externalIds: marks(101, 1) }, /card 1 of 101/],
    ['is not marked', { externalIds: {} }, /not carry our mark/],
    ['holds nothing', { interfaces: [] }, /no interface/],
  ])('that %s is not', (_, change, problem) => {
    const marked = { externalIds: marks(101), link: { name: 'tap101i0' } };
    expect(problems(bridge(port('vi101', { ...marked, ...change })))[0]?.[1]).toMatch(problem);
  });

  it('is not right while ovs-vswitchd is stopped, whatever the database remembers', () => {
    const judged = healthOf({ bridges: [], ports: [], switchProblem: 'nobody answers' });
    expect(problems(bridge(guestPort, port('eth1')), { judged }).map(([, problem]) => problem)).toEqual([
      'ovs-vswitchd does not answer: nobody answers',
      'ovs-vswitchd does not answer: nobody answers',
    ]);
  });

  it('that a guest should have and the switch has not is told', () => {
    expect(problems(bridge())).toEqual([['vi101', 'it is not on ovsbr0']]);
  });

  it('that carries our mark for a guest that is gone is told, under the name it had', () => {
    const stale = port('veth200i1', { externalIds: marks(200, 1), link: { name: 'eth1' } });
    expect(problems(bridge(guestPort, stale))[1]).toEqual([
      'vi200i1',
      'it carries our mark, but no guest that runs has it',
    ]);
  });

  it('keeps its alias where the row has the name that Proxmox gave it', () => {
    const kept = port('tap101i0', { externalIds: marks(101) });
    expect(problems(bridge(kept))).toEqual([['vi101', undefined]]);
  });

  it('that the one judgement of health finds a fault with is not right, in its words', () => {
    const fault = {
      subject: 'port' as const,
      name: 'vi101',
      fault: 'link-down',
      text: 'tap101i0 is down',
      remedy: 'x',
    };
    expect(problems(bridge(guestPort, port('eth1')), { judged: [fault] })).toEqual([
      ['vi101', 'tap101i0 is down'],
      ['eth1', undefined],
    ]);
    expect(problems(bridge(), { judged: [fault] })).toEqual([['vi101', 'tap101i0 is down']]);
  });

  it('that is a tunnel needs no device of its name', () => {
    const tunnel = port('vx0', { link: { type: 'vxlan' } });
    expect(problems(bridge(tunnel), { bindings: [] })).toEqual([['vx0', undefined]]);
  });

  it.each([[{ 'ovs-port-agent.vmid': '../../etc' }], [{ ...marks(101), 'ovs-port-agent.nic': '-1' }]])(
    'with marks that cannot be (%o) goes by the name of its row',
    (externalIds) => {
      const odd = port('eth1', { externalIds });
      expect(problems(bridge(odd), { bindings: [] })[0]?.[0]).toBe('eth1');
    },
  );
});

describe('validate_bridge_connectivity', () => {
  it('says yes to everything of a bridge in order', () => {
    const found = bridge(guestPort, port('eth1'));
    expect(bridgeValidation('ovsbr0', facts(found), true)).toEqual({
      bridge_active: true,
      bridge_synchronization: { vi101: true, eth1: true },
      connectivity_preserved: true,
      nm_connection_exists: true,
      ovs_bridge_exists: true,
    });
  });

  it('says no to everything of a bridge that is not there', () => {
    for (const name of ['ovsbr9', '', '__proto__', '../ovsbr0', 'ovsbr0\n']) {
      expect(bridgeValidation(name, facts(bridge(guestPort)), false)).toEqual({
        bridge_active: false,
        bridge_synchronization: {},
        connectivity_preserved: false,
        nm_connection_exists: false,
        ovs_bridge_exists: false,
      });
    }
  });

  it('says no to one port and so to the whole', () => {
    const found = bridge(guestPort, port('eth2'));
    expect(bridgeValidation('ovsbr0', facts(found), true)).toMatchObject({
      bridge_active: true,
      bridge_synchronization: { vi101: true, eth2: false },
      connectivity_preserved: false,
    });
  });

  it.each([
    ['is down', new Map([['ovsbr0', { up: false, operstate: 'down' }]])],
    ['is not there', new Map()],
  ])('says that a bridge whose own interface %s is not active', (_, links) => {
    expect(bridgeValidation('ovsbr0', facts(bridge(), { links, bindings: [] }), true)).toMatchObject({
      bridge_active: false,
      connectivity_preserved: false,
      ovs_bridge_exists: true,
    });
  });

  it('has an entry for a port of any name', () => {
    const found = bridge(port('__proto__'), port('a"b\n'));
    const answer = bridgeValidation('ovsbr0', facts(found, { bindings: [] }), true);
    expect(Object.keys(answer.bridge_synchronization)).toEqual(['__proto__', 'a"b\n']);
    expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
  });
});

describe('get_bridge_topology', () => {
  const found = bridge(
    { ...guestPort, tag: 20 },
    port('eth1', { externalIds: {}, link: { error: 'a\n    Port vi999' } }),
  );
  const topology = bridgeTopology(
    found,
    facts(found),
    { id: 'my bridge', uuid: 'uuid-1' },
    {
      owner: 'networkmanager',
      driver: 'networkmanager',
      obstacle: null,
    },
  );

  it('lists ports and interfaces without those of the bridge itself, as ovs-vsctl does', () => {
    expect(topology).toMatchObject({
      ports: ['vi101', 'eth1'],
      interfaces: ['tap101i0', 'eth1'],
      nm_connection: 'my bridge',
    });
  });

  it('draws the tree, and lets no text of a row forge a line of it', () => {
    expect(topology.ovs_show.split('\n')).toEqual([
      'Bridge ovsbr0',
      '    datapath_type: netdev',
      '    Port ovsbr0',
      '        Interface ovsbr0',
      '            type: internal',
      '    Port vi101',
      '        tag: 20',
      '        Interface tap101i0',
      '    Port eth1',
      '        Interface eth1',
      '            error: "a\\n    Port vi999"',
    ]);
  });

  it('says whose each port is, and has null for what is nobody’s', () => {
    expect(topology.details).toMatchObject({ owner: 'networkmanager', active: true, problem: null });
    expect(topology.details.ports).toMatchObject([
      {
        port: 'vi101',
        type: 'system',
        guest: 'shop',
        vmid: 101,
        driver: 'networkmanager',
        tag: 20,
        operstate: 'up',
      },
      { port: 'eth1', guest: null, vmid: null, driver: null, tag: null },
    ]);
  });
});

describe('get_system_network_state', () => {
  const nothing: ObservedHost = {
    now: new Date('2026-11-23T08:30:40.000Z'),
    networkManager: undefined,
    switch: undefined,
    bindings: [],
    routes: undefined,
    uplink: undefined,
    bindingsDir: '/run/ovs-port-agent/bindings',
  };
  const overview = {
    version: '1.52.1',
    state: 'connected',
    connectivity: 'full',
    checksConnectivity: true,
    checkNeedsDns: true,
    activeConnections: 3,
    totalConnections: 5,
    devices: 9,
  };
  const connectivity = (more: Partial<ObservedHost>) =>
    networkState({ ...nothing, ...more }).connectivity_status;

  it('keeps every key where nothing can be known, and guesses nothing', () => {
    expect(networkState(nothing)).toEqual({
      networkmanager: {
        version: null,
        state: 'absent',
        connectivity: null,
        active_connections: 0,
        total_connections: 0,
        devices: 0,
      },
      ovs_bridges: null,
      interface_bindings: {},
      connectivity_status: {
        internet_reachable: null,
        dns_working: null,
        default_route: null,
        uplink_status: null,
      },
      timestamp: '2026-11-23T08:30:40.000Z',
    });
  });

  it('has the bridges with their ports, and NetworkManager’s own numbers', () => {
    const found = bridge(guestPort, port('eth1'));
    expect(networkState({ ...nothing, networkManager: overview, switch: facts(found) })).toMatchObject({
      networkmanager: {
        version: '1.52.1',
        state: 'connected',
        connectivity: 'full',
        active_connections: 3,
        total_connections: 5,
        devices: 9,
      },
      ovs_bridges: [
        {
          name: 'ovsbr0',
          ports: ['vi101', 'eth1'],
          interfaces: ['tap101i0', 'eth1'],
          active: true,
          datapath_type: 'netdev',
        },
      ],
    });
  });

  it.each([
    ['a check went well', {}, true, true],
    ['a check failed', { connectivity: 'limited' }, false, null],
    ['a check met a portal', { connectivity: 'portal' }, false, null],
    ['no check was made yet', { connectivity: 'unknown' }, null, null],
    ['NetworkManager goes by routes alone', { checksConnectivity: false }, null, null],
    ['the check asks an address', { checkNeedsDns: false }, true, null],
  ])('tells of the internet what is known when %s', (_, change, internet, dns) => {
    expect(connectivity({ networkManager: { ...overview, ...change } })).toMatchObject({
      internet_reachable: internet,
      dns_working: dns,
    });
  });

  it('names the route that the kernel prefers, and the state of its device', () => {
    const first = { family: 'inet', device: 'eth0', gateway: '192.0.2.1', metric: 100 } as const;
    const tunnel = { family: 'inet', device: 'wg0', metric: 0 } as const;
    expect(connectivity({ routes: [first, tunnel], uplink: UP })).toMatchObject({
      default_route: 'via 192.0.2.1 dev eth0',
      uplink_status: 'eth0 up',
    });
    expect(connectivity({ routes: [tunnel] })).toMatchObject({
      default_route: 'dev wg0',
      uplink_status: 'wg0 missing',
    });
    expect(connectivity({ routes: [] })).toMatchObject({ default_route: 'none', uplink_status: 'none' });
  });
});

describe('get_interface_bindings', () => {
  it('has each card under its name on the switch, whoever made the device', () => {
    const docker: Binding = {
      ...binding,
      port: 'vi1000000',
      interface: 'vi1000000',
      vmid: 1_000_000,
      runtime: 'docker',
      guest: 'web',
      id: 'c0ffee',
    };
    const lxc: Binding = {
      ...binding,
      port: 'vi200',
      vmid: 200,
      interface: 'vethX',
      runtime: 'lxc',
      guest: 'db',
    };
    expect(interfaceBindings([docker, lxc, binding], '/run/x')).toEqual({
      vi101: {
        proxmox_veth: 'tap101i0',
        ovs_interface: 'vi101',
        vmid: 101,
        container_id: '101',
        bridge: 'ovsbr0',
        created_at: '2026-11-23T08:30:32.123Z',
        bind_mount: '/run/x/vi101.json',
      },
      vi200: expect.objectContaining({ proxmox_veth: 'vethX', container_id: 'db' }),
      vi1000000: expect.objectContaining({ proxmox_veth: null, container_id: 'c0ffee' }),
    });
  });
});
