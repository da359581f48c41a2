// The tree of everything there is on a bridge, from the rows as ovsdb-server sends them.

import { describe, expect, it } from 'vitest';
import { bridgeTrees } from '../../../../../src/core/drivers/ovsdb/bridge-tree.ts';
import { emptyReplica } from '../../../../../src/core/ovsdb/replica.ts';

const set = (...atoms: unknown[]) => ['set', atoms];
const map = (entries: Record<string, string>) => ['map', Object.entries(entries)];
const uuid = (text: string) => ['uuid', text];
const link = (name: string, more: object) => ({
  new: {
    name,
    type: '',
    ofport: set(),
    error: set(),
    mac_in_use: set(),
    mtu_request: set(),
    external_ids: map({}),
    ...more,
  },
});

const ROWS = {
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
        name: 'bond0',
        interfaces: set(uuid('i'), uuid('j')),
        tag: 20,
        trunks: set(9, 7),
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
    i: link('eth2', { ofport: 3 }),
    j: link('eth1', { type: 'internal', ofport: -1, error: 'gone' }),
  },
};

describe('the tree of bridges', () => {
  it('has every port, bonds too, each level in the order of its names', () => {
    const replica = emptyReplica();
    replica.apply(ROWS);
    expect(bridgeTrees(replica)).toEqual([
      {
        name: 'ovsbr0',
        datapathType: 'system',
        networkManagerUuid: 'B',
        ports: [
          {
            name: 'bond0',
            tag: 20,
            trunks: [7, 9],
            externalIds: {},
            interfaces: [
              { name: 'eth1', type: 'internal', ofport: -1, error: 'gone' },
              { name: 'eth2', type: '', ofport: 3 },
            ],
          },
        ],
      },
    ]);
  });

  it('leaves out what a row names and the database has not sent', () => {
    const replica = emptyReplica();
    replica.apply({ Bridge: ROWS.Bridge });
    expect(bridgeTrees(replica)).toMatchObject([{ name: 'ovsbr0', ports: [] }]);
  });
});
