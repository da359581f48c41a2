// The replica follows ovsdb-server's updates, and refuses rows that are not what the schema says.

import { describe, expect, it } from 'vitest';
import { moveInterface } from '../../../src/core/ovsdb/move-interface.ts';
import { observeBridges, observePorts } from '../../../src/core/ovsdb/observe.ts';
import { emptyReplica } from '../../../src/core/ovsdb/replica.ts';

const set = (...atoms: unknown[]) => ['set', atoms];
const map = (entries: Record<string, string>) => ['map', Object.entries(entries)];
const uuid = (text: string) => ['uuid', text];

const INITIAL = {
  Bridge: {
    b: {
      new: {
        name: 'ovsbr0',
        ports: uuid('p'),
        datapath_type: '',
        external_ids: map({ 'NM.connection.uuid': 'B' }),
      },
    },
  },
  Port: {
    p: {
      new: {
        name: 'tap101i0',
        interfaces: uuid('i'),
        tag: 20,
        trunks: set(),
        vlan_mode: set(),
        qos: set(),
        cvlans: set(),
        protected: false,
        other_config: map({}),
        external_ids: map({}),
      },
    },
  },
  Interface: {
    i: {
      new: {
        name: 'tap101i0',
        type: '',
        ofport: 3,
        mtu_request: set(),
        error: set(),
        mac_in_use: set(),
        external_ids: map({}),
      },
    },
  },
};

function filled() {
  const replica = emptyReplica();
  replica.apply(INITIAL);
  return replica;
}

describe('the replica of OVSDB', () => {
  it('shows bridges and ports as OVSDB has them', () => {
    const replica = filled();
    expect(observeBridges(replica).get('ovsbr0')).toMatchObject({
      datapathType: 'system',
      networkManagerUuid: 'B',
    });
    expect(observePorts(replica)).toMatchObject([
      { port: 'tap101i0', bridge: 'ovsbr0', interface: 'tap101i0', ofport: 3, vlan: { tag: 20, trunks: [] } },
    ]);
  });

  it('says what a row was before it went', () => {
    const [change] = filled().apply({ Interface: { i: { old: {} } } });
    expect(change).toMatchObject({ table: 'Interface', before: { name: 'tap101i0' }, after: undefined });
  });

  it('leaves out a port whose interface row is not there', () => {
    const replica = filled();
    replica.apply({ Interface: { i: { old: {} } } });
    expect(observePorts(replica)).toEqual([]);
  });

  it('leaves out bonds, which are never a guest', () => {
    const replica = filled();
    replica.apply({ Port: { p: { new: { ...INITIAL.Port.p.new, interfaces: set(uuid('i'), uuid('j')) } } } });
    expect(observePorts(replica)).toEqual([]);
  });

  it('refuses a row that is not what the schema says', () => {
    const bad = { ...INITIAL.Port.p.new, tag: 'twenty' };
    expect(() => filled().apply({ Port: { q: { new: bad } } })).toThrow();
  });
});

describe('the stamped adoption', () => {
  const [from] = observePorts(filled());
  const operations =
    from &&
    moveInterface(filled(), {
      row: 'vi101',
      from,
      portIds: { 'ovs-port-agent.vmid': '101', 'NM.connection.uuid': 'P' },
      interfaceIds: { 'ovs-port-agent.vmid': '101', 'NM.connection.uuid': 'I' },
    });

  it('fails as a whole when the port is not what was seen', () => {
    expect(operations?.[0]).toMatchObject({ op: 'wait', timeout: 0, rows: [{ name: 'tap101i0' }] });
  });

  it('keeps the VLAN and the interface row, and stamps both rows', () => {
    expect(operations?.[1]).toMatchObject({
      op: 'insert',
      row: {
        name: 'vi101',
        tag: 20,
        interfaces: uuid('i'),
        external_ids: map({ 'ovs-port-agent.vmid': '101', 'NM.connection.uuid': 'P' }),
      },
    });
    expect(JSON.stringify(operations?.[2])).toContain('"NM.connection.uuid","I"');
  });

  it('swaps old and new port in one mutation', () => {
    expect(operations?.[3]).toMatchObject({
      table: 'Bridge',
      mutations: [
        ['ports', 'delete', uuid('p')],
        ['ports', 'insert', ['named-uuid', 'moved']],
      ],
    });
  });
});
