// What the agent says of the host is what the host's own tools say of it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentHost, BUS_NAME, BUS_PATH, SNIPPET, upAgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { expectReachable, lostDuring } from './pings.ts';

const NM = 'org.freedesktop.NetworkManager';
const NM_OBJECT = '/org/freedesktop/NetworkManager';
const BINDINGS = '/run/ovs-port-agent/bindings';

let host: AgentHost;

beforeAll(async () => {
  host = await upAgentHost('introspection');
  // NetworkManager would ask on up0 for a lease, and flush the address it has, now and then before the route is made.
  await host.sh(`
    qm create 101 --name shop --hookscript ${SNIPPET} --ipconfig0 ip=10.0.0.101/24 \
      --net0 virtio,bridge=ovsbr0 --net1 'virtio,bridge=ovsbr0,tag=20,trunks=30;40'
    qm start 101
    pct create 201 --hostname mail --hookscript ${SNIPPET} --net0 name=eth0,bridge=ovsbr0,ip=10.0.0.201/24
    pct start 201
    docker run -d --name netmaker-server --label dev.ovs.portagent.address=203.0.113.10/24 opa-test
    printf '[keyfile]\nunmanaged-devices=interface-name:up0;interface-name:up1\n' >/etc/NetworkManager/conf.d/90-uplink.conf
    nmcli general reload conf
    ip link add up0 type veth peer name up1
    ip addr add 198.51.100.2/24 dev up0
    ip link set up1 up; ip link set up0 up
    ip route add default via 198.51.100.1 dev up0 metric 50`);
  await eventually(host.traces, ({ ports }) => expect(ports).toHaveLength(4));
  await expectReachable(host, '10.0.0.101', 90);
});

afterAll(() => host?.down());

const ask = async <T>(member: string, ...args: string[]): Promise<T> =>
  JSON.parse(String(await host.call(member, ...signed(args)))) as T;
const signed = (args: string[]) => (args.length === 0 ? [] : ['s'.repeat(args.length), ...args]);
const operate = (bridge: string, operation: string) =>
  host.call('atomic_bridge_operation', 'ss', bridge, operation);
const lines = async (script: string) => (await host.sh(script)).split('\n').filter(Boolean);
const nmProperty = async (name: string) =>
  JSON.parse(await host.sh(`busctl --json=short get-property ${NM} ${NM_OBJECT} ${NM} ${name}`)).data;

interface State {
  networkmanager: Record<string, unknown>;
  ovs_bridges: Record<string, unknown>[] | null;
  interface_bindings: Record<string, Record<string, unknown>>;
  connectivity_status: Record<string, unknown>;
  timestamp: string;
}
interface Validation {
  bridge_synchronization: Record<string, boolean>;
}

describe('get_system_network_state', () => {
  it('says of NetworkManager what nmcli and its properties say', async () => {
    const { networkmanager } = await ask<State>('get_system_network_state');
    expect(networkmanager).toEqual({
      version: (await host.sh('nmcli -t -f VERSION general')).trim(),
      state: (await host.sh('nmcli -t -f STATE general')).trim(),
      connectivity: (await host.sh('nmcli -t -f CONNECTIVITY general')).trim(),
      active_connections: ((await nmProperty('ActiveConnections')) as string[]).length,
      total_connections: (await lines('nmcli -t -f UUID connection show')).length,
      devices: ((await nmProperty('Devices')) as string[]).length,
    });
  });

  it('has the bridges, ports, interfaces and datapaths that ovs-vsctl lists', async () => {
    const { ovs_bridges: bridges } = await ask<State>('GetSystemNetworkState');
    const names = await lines('ovs-vsctl list-br');
    expect(bridges?.map(({ name }) => name)).toEqual(names);
    for (const bridge of bridges ?? []) {
      expect(bridge).toEqual({
        name: bridge.name,
        ports: await lines(`ovs-vsctl list-ports ${bridge.name}`),
        interfaces: await lines(`ovs-vsctl list-ifaces ${bridge.name}`),
        active: true,
        datapath_type: (await host.sh(`ovs-vsctl get Bridge ${bridge.name} datapath_type`)).trim(),
      });
    }
  });

  it('knows the way out, and does not claim what it would have to ask the internet for', async () => {
    const { connectivity_status: status, timestamp } = await ask<State>('get_system_network_state');
    expect(status).toEqual({
      internet_reachable: null,
      dns_working: null,
      default_route: 'via 198.51.100.1 dev up0',
      uplink_status: 'up0 up',
    });
    expect(Math.abs(Date.parse(timestamp) - Number(await host.sh('date +%s%3N')))).toBeLessThan(60_000);
  });

  it('is what `introspect --json` prints', async () => {
    const { stdout, exitCode } = await host.cli('introspect', '--json');
    const { timestamp: _, ...printed } = JSON.parse(stdout) as State;
    const { timestamp: __, ...answered } = await ask<State>('get_system_network_state');
    expect([exitCode, printed]).toEqual([0, answered]);
  });
});

describe('bindings', () => {
  it('are the same over D-Bus and in the files, by port and by VMID', async () => {
    const bindings = await ask<State['interface_bindings']>('get_interface_bindings');
    expect(Object.keys(bindings)).toEqual(['vi101', 'vi101i1', 'vi201', 'vi1000000']);
    expect(await lines(`ls ${BINDINGS}/by-vmid`)).toEqual(['1000000', '101', '101i1', '201']);
    for (const [port, binding] of Object.entries(bindings)) {
      const text = await host.sh(`cat ${BINDINGS}/by-vmid/${port.slice(2)}`);
      expect(JSON.parse(text)).toMatchObject({ ...binding, port });
      expect(binding.bind_mount).toBe(`${BINDINGS}/${port}.json`);
    }
    expect(bindings.vi201).toMatchObject({
      proxmox_veth: 'veth201i0',
      container_id: '201',
      bridge: 'ovsbr0',
    });
    const id = (await host.sh('docker inspect -f {{.Id}} netmaker-server')).trim();
    expect(bindings.vi1000000).toMatchObject({ proxmox_veth: null, container_id: id, bridge: 'ovsbr1' });
  });
});

describe('get_bridge_topology', () => {
  it('has the names of ovs-vsctl and NetworkManager, and the guest of each port', async () => {
    const topology = await ask<{ ports: string[]; details: { ports: object[] } }>(
      'GetBridgeTopology',
      'ovsbr0',
    );
    const uuid = (await host.sh(`ovs-vsctl get Bridge ovsbr0 external_ids:NM.connection.uuid`)).trim();
    expect(topology).toMatchObject({
      ports: await lines('ovs-vsctl list-ports ovsbr0'),
      interfaces: await lines('ovs-vsctl list-ifaces ovsbr0'),
      nm_connection: (await host.sh(`nmcli -g connection.id connection show ${uuid}`)).trim(),
      details: {
        nm_connection_uuid: JSON.parse(uuid),
        active: true,
        problem: null,
        driver: 'networkmanager',
      },
    });
    const [, tagged] = topology.details.ports;
    expect(tagged).toMatchObject({
      port: 'vi101i1',
      guest: 'shop',
      vmid: 101,
      nic: 1,
      tag: 20,
      trunks: [30, 40],
      ofport: Number(await host.sh('ovs-vsctl get Interface tap101i1 ofport')),
    });
  });

  it('draws the tree of ovs-vsctl show, whatever the order of its ports', async () => {
    const { ovs_show: drawn } = await ask<{ ovs_show: string }>('get_bridge_topology', 'ovsbr1');
    const shown = await lines("ovs-vsctl show | sed -n '/Bridge ovsbr1/,/^    [^ ]/p' | sed '$d'");
    expect(
      drawn
        .split('\n')
        .map((line) => line.trim())
        .sort(),
    ).toEqual(shown.map((line) => line.trim()).sort());
  });

  it('is an error that names the bridges there are, for one that is not', async () => {
    for (const name of ['ovsbr9', '../ovsbr0', 'x; reboot', '']) {
      await expect(ask('get_bridge_topology', name)).rejects.toThrow(/no OVS bridge .*ovsbr0, ovsbr1/);
    }
  });
});

describe('validate_bridge_connectivity', () => {
  const RIGHT = {
    bridge_active: true,
    bridge_synchronization: { vi101: true, vi101i1: true, vi201: true },
    connectivity_preserved: true,
    nm_connection_exists: true,
    ovs_bridge_exists: true,
  };

  it('says yes where all is well, and introspect ends with 0', async () => {
    expect(await ask('validate_bridge_connectivity', 'ovsbr0')).toEqual(RIGHT);
    expect(await operate('ovsbr0', 'validate_topology')).toBe('Topology validation: PASSED');
    expect(await host.cli('introspect', 'ovsbr0')).toMatchObject({ exitCode: 0 });
  });

  it('says no to a bridge that is not there, whatever it is called', async () => {
    for (const name of ['ovsbr9', '../ovsbr0', '$(reboot)']) {
      expect(await ask('validate_bridge_connectivity', name)).toMatchObject({
        bridge_synchronization: {},
        connectivity_preserved: false,
        ovs_bridge_exists: false,
      });
    }
    expect(await operate('ovsbr9', 'validate_topology')).toBe('Topology validation: FAILED');
    expect(await host.cli('introspect', 'ovsbr9')).toMatchObject({ exitCode: 1 });
  });

  it('finds a foreign port whose device is gone, and no fault with the others', async () => {
    await host.sh('ovs-vsctl --no-wait add-port ovsbr0 nodev0');
    await eventually(
      () => ask<Validation>('validate_bridge_connectivity', 'ovsbr0'),
      (seen) =>
        expect(seen).toEqual({
          ...RIGHT,
          bridge_synchronization: { ...RIGHT.bridge_synchronization, nodev0: false },
          connectivity_preserved: false,
        }),
    );
    const { exitCode, stdout } = await host.cli('introspect', 'ovsbr0');
    expect([exitCode, stdout]).toEqual([
      1,
      expect.stringMatching(/NOT in order: 3 of 4 ports right\n +nodev0: /),
    ]);
    await host.sh('ovs-vsctl del-port nodev0');
    await eventually(
      () => ask('validate_bridge_connectivity', 'ovsbr0'),
      (seen) => expect(seen).toEqual(RIGHT),
    );
  });
});

describe('atomic_bridge_operation', () => {
  it('counts the cards of Proxmox guests that it has brought right', async () => {
    await host.sh('ovs-vsctl del-port vi201');
    expect(await operate('ovsbr0', 'sync_with_proxmox')).toBe(
      'Proxmox sync: Synchronized 3 interfaces with Proxmox',
    );
    expect(await lines('ovs-vsctl list-ports ovsbr0')).toContain('vi201');
    expect(await operate('ovsbr1', 'sync_with_proxmox')).toBe(
      'Proxmox sync: Synchronized 0 interfaces with Proxmox',
    );
  });

  it('makes a checkpoint that never rolls back by itself, and harms no guest when it is rolled back', async () => {
    const answer = String(await operate('ovsbr0', 'create_checkpoint'));
    const [, path = ''] =
      /^Checkpoint created: (\/org\/freedesktop\/NetworkManager\/Checkpoint\/\d+)$/.exec(answer) ?? [];
    const timeout = await host.sh(`busctl get-property ${NM} ${path} ${NM}.Checkpoint RollbackTimeout`);
    expect(timeout.trim()).toBe('u 0');
    await expect(operate('ovsbr0', 'create_checkpoint')).rejects.toThrow(/already included in checkpoint/);
    const lost = await lostDuring(host, '10.0.0.101', () =>
      host.sh(`busctl call ${NM} ${NM_OBJECT} ${NM} CheckpointRollback o ${path}; sleep 2`),
    );
    expect(lost).toBe(0);
    const { ports } = await host.traces();
    expect(ports.filter(({ bridge, usable }) => bridge === 'ovsbr0' && usable)).toHaveLength(3);
  });

  it('names the operations there are, for one that there is not', async () => {
    await expect(operate('ovsbr0', 'explode')).rejects.toThrow(
      /create_checkpoint, validate_topology, sync_with_proxmox/,
    );
  });
});

describe('a host without NetworkManager', () => {
  it('is told of as such, and what only NetworkManager knows is null', async () => {
    expect(await host.call('IntrospectNetworkManager')).toBe(
      'NetworkManager introspection completed successfully',
    );
    await host.sh('systemctl stop NetworkManager');
    expect((await ask<State>('get_system_network_state')).networkmanager).toEqual({
      version: null,
      state: 'absent',
      connectivity: null,
      active_connections: 0,
      total_connections: 0,
      devices: 0,
    });
    await expect(host.call('introspect_network_manager')).rejects.toThrow(
      /networkmanager-unavailable.*systemctl restart NetworkManager/,
    );
    await expect(operate('ovsbr0', 'create_checkpoint')).rejects.toThrow(/networkmanager-unavailable/);
    await host.sh('systemctl start NetworkManager');
  });
});

describe('a host whose ovs-vswitchd is stopped', () => {
  it('has no bridge that is active, whatever the database remembers', async () => {
    await host.sh('systemctl stop ovs-vswitchd');
    await eventually(
      () => ask<State>('get_system_network_state'),
      ({ ovs_bridges: bridges }) =>
        expect(bridges?.map(({ name, active }) => [name, active])).toEqual([
          ['ovsbr0', false],
          ['ovsbr1', false],
        ]),
    );
    expect(await operate('ovsbr0', 'validate_topology')).toBe('Topology validation: FAILED');
    await host.sh('systemctl start ovs-vswitchd');
    await eventually(
      () => ask<{ connectivity_preserved: boolean }>('validate_bridge_connectivity', 'ovsbr0'),
      (seen) => expect(seen).toMatchObject({ connectivity_preserved: true }),
      30_000,
    );
  });
});

describe('both spellings of each method', () => {
  it('are announced, with the arguments they take', async () => {
    const xml = await host.sh(`busctl introspect --xml-interface ${BUS_NAME} ${BUS_PATH}`);
    for (const [snake, pascal] of [
      ['get_system_network_state', 'GetSystemNetworkState'],
      ['get_bridge_topology', 'GetBridgeTopology'],
      ['validate_bridge_connectivity', 'ValidateBridgeConnectivity'],
      ['get_interface_bindings', 'GetInterfaceBindings'],
      ['introspect_network_manager', 'IntrospectNetworkManager'],
      ['atomic_bridge_operation', 'AtomicBridgeOperation'],
    ]) {
      expect(xml).toContain(`<method name="${snake}">`);
      expect(xml).toContain(`<method name="${pascal}">`);
    }
  });
});
