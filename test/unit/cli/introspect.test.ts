// `introspect` as people and programs see it.

import { describe, expect, it } from 'vitest';
import { cli } from './fake.ts';

const STATE = {
  networkmanager: {
    version: '1.52.1',
    state: 'connected',
    connectivity: 'full',
    active_connections: 3,
    total_connections: 5,
    devices: 9,
  },
  ovs_bridges: [
    { name: 'ovsbr0', ports: ['vi101'], interfaces: ['tap101i0'], active: true, datapath_type: 'system' },
  ],
  interface_bindings: {},
  connectivity_status: {
    internet_reachable: null,
    dns_working: null,
    default_route: 'via 192.0.2.1 dev eth0',
    uplink_status: 'eth0 up',
  },
  timestamp: '2026-11-23T08:30:40.000Z',
};
const PORT = {
  port: 'vi101',
  interfaces: ['tap101i0'],
  tag: 20,
  trunks: [30, 40],
  guest: 'shop',
  runtime: 'proxmox-qemu',
  driver: 'networkmanager',
  operstate: 'unknown',
  problem: null as string | null,
};
const topology = (port = PORT) => ({
  interfaces: ['tap101i0'],
  nm_connection: 'br',
  ovs_show: 'Bridge ovsbr0',
  ports: ['vi101'],
  details: {
    owner: 'networkmanager',
    driver: 'networkmanager',
    obstacle: null,
    datapath_type: 'system',
    ovs_version: '3.5.0',
    active: true,
    problem: null,
    ports: [port],
  },
});
const validation = (fine: boolean, exists = true) => ({
  bridge_active: exists,
  bridge_synchronization: exists ? { vi101: fine } : {},
  connectivity_preserved: fine,
  nm_connection_exists: exists,
  ovs_bridge_exists: exists,
});
const agent = (parts: { port?: typeof PORT; fine?: boolean; exists?: boolean; state?: object } = {}) => ({
  GetSystemNetworkState: JSON.stringify({ ...STATE, ...parts.state }),
  GetBridgeTopology: JSON.stringify(topology(parts.port)),
  ValidateBridgeConnectivity: JSON.stringify(validation(parts.fine ?? true, parts.exists)),
});

describe('introspect', () => {
  it('draws the host: daemons, uplink, each bridge with its ports', async () => {
    const { code, out, calls } = await cli(['introspect'], { agent: agent() });
    expect(code).toBe(0);
    expect(out).toEqual([
      'Open vSwitch    3.5.0, 1 bridge',
      'NetworkManager  1.52.1, connected, 3 of 5 profiles active, 9 devices',
      'uplink          eth0 up, default route via 192.0.2.1 dev eth0',
      'internet        not known: nothing here checks it',
      '',
      'Bridge ovsbr0: active',
      '  datapath system, owner networkmanager (br), driver networkmanager',
      '  PORT   GUEST  RUNTIME       DRIVER          DEVICE    VLAN        STATE',
      '  vi101  shop   proxmox-qemu  networkmanager  tap101i0  20 + 30,40  ok',
    ]);
    expect(calls.map(({ member, body }) => [member, body])).toEqual([
      ['GetSystemNetworkState', undefined],
      ['GetBridgeTopology', ['ovsbr0']],
    ]);
  });

  it('says so where Open vSwitch cannot be asked and NetworkManager is absent', async () => {
    const networkmanager = { ...STATE.networkmanager, version: null, state: 'absent', connectivity: null };
    const { code, out } = await cli(['introspect'], {
      agent: agent({ state: { ovs_bridges: null, networkmanager } }),
    });
    expect([code, out.slice(0, 2)]).toEqual([0, ['Open vSwitch    NOT connected', 'NetworkManager  absent']]);
  });

  it('gives programs the answer as it came', async () => {
    const { out } = await cli(['introspect', '--json'], { agent: agent() });
    expect(JSON.parse(out.join('\n'))).toEqual(STATE);
  });

  it('ends with 0 for a bridge in order', async () => {
    const { code, out } = await cli(['introspect', 'ovsbr0'], { agent: agent() });
    expect([code, out.at(-1)]).toEqual([0, 'ovsbr0 is in order: 1 of 1 ports right']);
  });

  it('ends with 1 for a bridge that is not, and says why', async () => {
    const port = { ...PORT, problem: 'there is no network device tap101i0' };
    const { code, out } = await cli(['introspect', 'ovsbr0'], { agent: agent({ port, fine: false }) });
    expect([code, ...out.slice(-2)]).toEqual([
      1,
      'ovsbr0 is NOT in order: 0 of 1 ports right',
      '  vi101: there is no network device tap101i0',
    ]);
  });

  it('ends with 1 for a bridge that is not there, in one safe line', async () => {
    const answers = { agent: agent({ exists: false, fine: false }) };
    const { code, out, err } = await cli(['introspect', 'no\u001bsuch'], answers);
    expect([code, out]).toEqual([1, []]);
    expect(err).toEqual(['There is no OVS bridge no\\x1bsuch. See all of them: ovs-port-agent introspect']);
    const programs = await cli(['introspect', 'nosuch', '--json'], answers);
    expect(programs.code).toBe(1);
    expect(JSON.parse(programs.out.join('\n'))).toMatchObject({ bridge: 'nosuch', topology: null });
  });

  it('lets no name from the switch write to the terminal', async () => {
    const port = { ...PORT, port: 'a\u001b[2J', guest: 'b\nc', problem: 'd\u202e' };
    const { out } = await cli(['introspect', 'ovsbr0'], { agent: agent({ port, fine: false }) });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(out.join('')).not.toMatch(/[\u0000-\u001f\u202e]/);
  });
});
