// The transactions that make a bridge or a port, mark one, or take one of ours out; rows nobody refers to are collected.

import type { Operation } from '../../ovsdb/client.ts';
import { namedRef, toMap, toSet, uuidRef } from '../../ovsdb/values.ts';
import type { DesiredPort } from '../../plan/desired.ts';
import type { ObservedPort } from '../../plan/observed.ts';
import { holds, mark } from './move-interface.ts';

type Ids = Readonly<Record<string, string>>;

/** Operations that put a new port into the bridge, in place of `former` ones that hold its NIC or have its name. */
export function insertPort(
  desired: DesiredPort,
  bridgeRowUuid: string,
  former: readonly ObservedPort[],
  ids: Ids,
): Operation[] {
  const { vlan, mtu } = desired;
  const link = {
    name: desired.interface,
    external_ids: toMap(ids),
    ...(mtu === undefined ? {} : { mtu_request: mtu }),
  };
  const port = {
    name: desired.row ?? desired.port,
    interfaces: namedRef('link'),
    external_ids: toMap(ids),
    ...(vlan?.tag === undefined ? {} : { tag: vlan.tag }),
    ...(vlan === undefined || vlan.trunks.length === 0 ? {} : { trunks: toSet(vlan.trunks) }),
    ...(vlan?.mode === undefined ? {} : { vlan_mode: vlan.mode }),
  };
  return [
    ...former.flatMap((row) => [holds(row), ...removePort(row)]),
    { op: 'insert', table: 'Interface', row: link, 'uuid-name': 'link' },
    { op: 'insert', table: 'Port', row: port, 'uuid-name': 'port' },
    {
      op: 'mutate',
      table: 'Bridge',
      where: [['_uuid', '==', uuidRef(bridgeRowUuid)]],
      mutations: [['ports', 'insert', namedRef('port')]],
    },
  ];
}

/** Operations that take a port out of its bridge; nothing happens when it is gone already. */
export function removePort(port: ObservedPort): Operation[] {
  return [
    {
      op: 'mutate',
      table: 'Bridge',
      where: [['_uuid', '==', uuidRef(port.bridgeRowUuid)]],
      mutations: [['ports', 'delete', uuidRef(port.portUuid)]],
    },
  ];
}

/** Operations that write our marks on a row that keeps its name, or with no marks take them off. */
export function markPort(row: ObservedPort, ids: Ids): Operation[] {
  return [holds(row), mark('Port', row.portUuid, ids), mark('Interface', row.interfaceUuid, ids)];
}

/** Operations that make a bridge with an internal interface of its name, which Proxmox and addresses need. */
export function insertBridge(name: string, datapathType: 'system' | 'netdev', ids: Ids): Operation[] {
  return [
    {
      op: 'wait',
      table: 'Bridge',
      where: [['name', '==', name]],
      columns: ['name'],
      until: '==',
      rows: [],
      timeout: 0,
    },
    { op: 'insert', table: 'Interface', row: { name, type: 'internal' }, 'uuid-name': 'link' },
    { op: 'insert', table: 'Port', row: { name, interfaces: namedRef('link') }, 'uuid-name': 'port' },
    {
      op: 'insert',
      table: 'Bridge',
      row: {
        name,
        ports: namedRef('port'),
        datapath_type: datapathType,
        external_ids: toMap(ids),
      },
      'uuid-name': 'bridge',
    },
    {
      op: 'mutate',
      table: 'Open_vSwitch',
      where: [],
      mutations: [['bridges', 'insert', namedRef('bridge')]],
    },
  ];
}
