// The transactions on ports: what they guard, what they keep, what they leave to others.

import { describe, expect, it } from 'vitest';
import { moveInterface } from '../../../../../src/core/drivers/ovsdb/move-interface.ts';
import { observePorts } from '../../../../../src/core/drivers/ovsdb/observe.ts';
import { insertBridge, insertPort, markPort } from '../../../../../src/core/drivers/ovsdb/port-rows.ts';
import { emptyReplica } from '../../../../../src/core/ovsdb/replica.ts';

const set = (...atoms: unknown[]) => ['set', atoms];
const map = (entries: Record<string, string>) => ['map', Object.entries(entries)];
const uuid = (text: string) => ['uuid', text];
const moved = ['named-uuid', 'moved'];

const PORT = {
  name: 'tap101i0',
  interfaces: uuid('i'),
  tag: 20,
  trunks: set(30, 31),
  vlan_mode: 'native-untagged',
  qos: uuid('q'),
  cvlans: set(),
  protected: true,
  other_config: map({ priority: 'high' }),
  external_ids: map({ theirs: 'kept', 'ovs-port-agent.port': 'vi999', 'NM.connection.uuid': 'old' }),
};

function filled() {
  const replica = emptyReplica();
  const link = { type: '', ofport: 3, error: set(), mac_in_use: set(), mtu_request: 1500 };
  replica.apply({
    Bridge: {
      b: { new: { name: 'ovsbr0', ports: uuid('p'), datapath_type: '', external_ids: map({}) } },
    },
    Port: { p: { new: PORT } },
    Interface: { i: { new: { name: 'tap101i0', ...link, external_ids: map({}) } } },
    Mirror: {
      m: {
        new: {
          name: 'ids',
          select_src_port: set(uuid('p'), uuid('other')),
          select_dst_port: set(),
          output_port: set(),
        },
      },
      o: {
        new: { name: 'out', select_src_port: set(), select_dst_port: set(), output_port: uuid('p') },
      },
      n: {
        new: { name: 'none', select_src_port: set(), select_dst_port: set(), output_port: set() },
      },
    },
  });
  return replica;
}

const [from] = observePorts(filled());
if (from === undefined) throw new Error('the replica has no port');

describe('moving a live card into a port of another name', () => {
  const ids = { 'ovs-port-agent.vmid': '101' };
  const operations = moveInterface(filled(), { row: 'vi101', from, portIds: ids, interfaceIds: ids });

  it('fails as a whole when the port is not what was seen', () => {
    expect(operations[0]).toMatchObject({
      op: 'wait',
      timeout: 0,
      rows: [{ name: 'tap101i0', interfaces: uuid('i') }],
    });
  });

  it('keeps all that was set on the port: VLANs, QoS, isolation, settings and marks of others', () => {
    expect(operations[1]).toMatchObject({
      op: 'insert',
      row: {
        name: 'vi101',
        interfaces: uuid('i'),
        tag: 20,
        trunks: set(30, 31),
        vlan_mode: 'native-untagged',
        qos: uuid('q'),
        protected: true,
        other_config: map({ priority: 'high' }),
        external_ids: map({ theirs: 'kept', ...ids }),
      },
    });
  });

  it('keeps the Interface row, and takes former marks of ours and of NetworkManager off it', () => {
    const marking = operations.find(({ table }) => table === 'Interface');
    expect(marking).toMatchObject({ op: 'mutate', where: [['_uuid', '==', uuid('i')]] });
    expect(JSON.stringify(marking)).toContain('"delete",["set",["ovs-port-agent.vmid"');
    expect(JSON.stringify(marking)).toContain('"NM.connection.uuid"');
  });

  it('keeps mirrors of the port, and mirrors into it', () => {
    expect(operations.filter(({ table }) => table === 'Mirror')).toEqual([
      {
        op: 'mutate',
        table: 'Mirror',
        where: [['_uuid', '==', uuid('m')]],
        mutations: [
          ['select_src_port', 'delete', uuid('p')],
          ['select_src_port', 'insert', moved],
        ],
      },
      { op: 'update', table: 'Mirror', where: [['_uuid', '==', uuid('o')]], row: { output_port: moved } },
    ]);
  });

  it('swaps old and new port in one mutation', () => {
    expect(operations.at(-1)).toMatchObject({
      table: 'Bridge',
      mutations: [
        ['ports', 'delete', uuid('p')],
        ['ports', 'insert', moved],
      ],
    });
  });
});

describe('a new port', () => {
  const guest = { runtime: 'proxmox-qemu', vmid: 101, name: 'web' } as const;
  const desired = { port: 'vi101', interface: 'tap101i0', bridge: 'ovsbr0', guest, nic: 0 };

  it('has the VLANs and the MTU that the guest asks for', () => {
    const vlan = { tag: 5, trunks: [7], mode: 'native-untagged' };
    const operations = insertPort({ ...desired, vlan, mtu: 9000 }, 'b', [], {});
    expect(operations[0]).toMatchObject({ table: 'Interface', row: { name: 'tap101i0', mtu_request: 9000 } });
    expect(operations[1]).toMatchObject({
      table: 'Port',
      row: { name: 'vi101', tag: 5, trunks: set(7), vlan_mode: 'native-untagged' },
    });
  });

  it('replaces a former one only while that is what was seen', () => {
    expect(insertPort(desired, 'b', [from], {}).slice(0, 2)).toMatchObject([
      { op: 'wait', rows: [{ name: 'tap101i0' }] },
      { op: 'mutate', table: 'Bridge', mutations: [['ports', 'delete', uuid('p')]] },
    ]);
  });
});

it('a row that keeps its name gets our marks, and nothing else is changed on it', () => {
  const changed = markPort(from, { 'ovs-port-agent.vmid': '101' }).slice(1);
  expect(changed.map(({ op, table }) => `${op} ${table}`)).toEqual(['mutate Port', 'mutate Interface']);
  expect(JSON.stringify(changed)).not.toContain('theirs');
});

it('a bridge is made once, with an internal interface of its name', () => {
  const [guard, link] = insertBridge('ovsbr0', 'netdev', {});
  expect(guard).toMatchObject({ op: 'wait', table: 'Bridge', rows: [] });
  expect(link).toMatchObject({ table: 'Interface', row: { name: 'ovsbr0', type: 'internal' } });
});
