// Bridges with all their ports and interfaces, bonds and tunnels too: everything there is, not only what a guest may have.

import type { Replica } from '../../ovsdb/replica.ts';
import type { Row } from '../../ovsdb/rows.ts';
import { NM_UUID_KEY } from '../../plan/observed.ts';

export interface OvsInterface {
  name: string;
  /** As the row has it: empty means `system`, a device that others made (ovs-vswitchd.conf.db(5)). */
  type: string;
  /** OpenFlow port number; undefined or negative while ovs-vswitchd could not open the device. */
  ofport?: number;
  error?: string;
}

export interface OvsPort {
  name: string;
  tag?: number;
  /** In ascending order. */
  trunks: readonly number[];
  mode?: string;
  externalIds: Readonly<Record<string, string>>;
  interfaces: readonly OvsInterface[];
}

export interface OvsBridge {
  name: string;
  datapathType: 'system' | 'netdev';
  /** UUID of the ovs-bridge profile, when NetworkManager owns the bridge. */
  networkManagerUuid?: string;
  /** The bridge's own port among them. */
  ports: readonly OvsPort[];
}

/** All bridges, each level sorted by name. */
export function bridgeTrees(replica: Replica): OvsBridge[] {
  return byName([...replica.rows('Bridge').values()].map((row) => bridgeTree(replica, row)));
}

function bridgeTree(replica: Replica, row: Row<'Bridge'>): OvsBridge {
  const owner = row.external_ids[NM_UUID_KEY];
  return {
    name: row.name,
    datapathType: row.datapath_type === 'netdev' ? 'netdev' : 'system',
    ...(owner !== undefined && { networkManagerUuid: owner }),
    ports: byName(
      row.ports.flatMap((uuid) => {
        const port = replica.rows('Port').get(uuid);
        return port === undefined ? [] : [portTree(replica, port)];
      }),
    ),
  };
}

function portTree(replica: Replica, row: Row<'Port'>): OvsPort {
  return {
    name: row.name,
    ...(row.tag !== undefined && { tag: row.tag }),
    trunks: [...row.trunks].sort((a, b) => a - b),
    ...(row.vlan_mode !== undefined && { mode: row.vlan_mode }),
    externalIds: row.external_ids,
    interfaces: byName(
      row.interfaces.flatMap((uuid) => {
        const link = replica.rows('Interface').get(uuid);
        return link === undefined ? [] : [interfaceLeaf(link)];
      }),
    ),
  };
}

function interfaceLeaf({ name, type, ofport, error }: Row<'Interface'>): OvsInterface {
  return {
    name,
    type,
    ...(ofport !== undefined && { ofport }),
    ...(error !== undefined && { error }),
  };
}

function byName<T extends { name: string }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
