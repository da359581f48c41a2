// The replica follows ovsdb-server's updates, and refuses rows that are not what the schema says.

import { describe, expect, it } from 'vitest';
import {
  observeBridges,
  observePortNames,
  observePorts,
} from '../../../../src/core/drivers/ovsdb/observe.ts';
import { emptyReplica } from '../../../../src/core/ovsdb/replica.ts';
import { NM_UUID_KEY } from '../../../../src/core/plan/driver-names.ts';

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
      externalIds: { [NM_UUID_KEY]: 'B' },
    });
    expect(observePorts(replica)).toMatchObject([
      { port: 'tap101i0', bridge: 'ovsbr0', interface: 'tap101i0', ofport: 3, vlan: { tag: 20, trunks: [] } },
    ]);
  });

  it('finds rows by name, also when a new one takes the name in the update that takes the old one away', () => {
    const replica = filled();
    expect(replica.named('Port', 'tap101i0')?.uuid).toBe('p');
    replica.apply({ Port: { q: { new: INITIAL.Port.p.new }, p: { old: {} } } });
    expect(replica.named('Port', 'tap101i0')?.uuid).toBe('q');
    replica.apply({ Port: { q: { old: {} } } });
    expect(replica.named('Port', 'tap101i0')).toBeUndefined();
    replica.clear();
    expect(replica.named('Bridge', 'ovsbr0')).toBeUndefined();
  });

  it('calls a port by our name when its row carries that as an alias, if the row is ours', () => {
    const replica = filled();
    const alias = { 'ovs-port-agent.port': 'vi101' };
    const with_ = (ids: Record<string, string>) =>
      replica.apply({ Port: { p: { new: { ...INITIAL.Port.p.new, external_ids: map(ids) } } } });
    with_({ ...alias, 'ovs-port-agent.vmid': '101' });
    expect(observePorts(replica)).toMatchObject([{ port: 'vi101', row: 'tap101i0', driver: 'ovsdb' }]);
    with_(alias);
    expect(observePorts(replica)).toMatchObject([{ port: 'tap101i0' }]);
    with_({ 'ovs-port-agent.port': 'eno1', 'ovs-port-agent.vmid': '101' });
    expect(observePorts(replica)).toMatchObject([{ port: 'tap101i0' }]);
  });

  it('works out the ports once for each change, however often they are asked for', () => {
    const replica = filled();
    const before = observePorts(replica);
    expect(observePorts(replica)).toBe(before);
    expect([...observePortNames(replica)]).toEqual(['tap101i0']);
    replica.apply({ Port: { p: { old: {} } } });
    expect(observePorts(replica)).toEqual([]);
    expect([...observePortNames(replica)]).toEqual([]);
    replica.apply({ Port: INITIAL.Port });
    expect(observePorts(replica)).toEqual(before);
    replica.clear();
    expect(observePorts(replica)).toEqual([]);
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

  it('leaves out a row that is not what the schema says, says so, and keeps all others', () => {
    const replica = filled();
    const bad = { ...INITIAL.Port.p.new, name: 'vi\u001b[2J', tag: 'twenty' };
    replica.apply({ Port: { q: { new: bad } } });
    expect(observePorts(replica)).toHaveLength(1);
    expect(replica.problems()).toEqual([
      {
        table: 'Port',
        uuid: 'q',
        text: expect.stringMatching(
          /^the row "vi\\u001b\[2J" of OVSDB's table Port is not understood .*: tag/,
        ),
      },
    ]);
    replica.apply({ Port: { q: { new: { ...INITIAL.Port.p.new, name: 'vi102' } } } });
    expect(replica.problems()).toEqual([]);
    expect(replica.named('Port', 'vi102')).toBeDefined();
  });

  it('forgets what it could not read of a row that is gone', () => {
    const replica = filled();
    replica.apply({ Interface: { i: { new: { ...INITIAL.Interface.i.new, ofport: 'three' } } } });
    expect(observePorts(replica)).toEqual([]);
    expect(replica.problems()).toHaveLength(1);
    replica.apply({ Interface: { i: { old: {} } } });
    expect(replica.problems()).toEqual([]);
  });
});
