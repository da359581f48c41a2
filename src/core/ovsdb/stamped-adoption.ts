// The transaction that gives a port somebody else plugged to NetworkManager without losing a packet.
//
// NetworkManager takes over rows whose name and `NM.connection.uuid` equal its profile's, and fails
// destructively on rows without. So the rows are stamped first, in one transaction: a new Port holds the
// existing Interface row, and the old Port goes (measured: 300 of 300 pings at 10 ms answered).

import { NM_UUID_KEY, type ObservedPort } from '../plan/observed.ts';
import type { Operation } from './client.ts';
import { namedRef, toMap, toSet, uuidRef } from './values.ts';

/** Operations for `transact`. They fail as a whole when the rows are no longer what `from` says. */
export function stampedAdoption(
  port: string,
  from: ObservedPort,
  profiles: { port: string; interface: string },
  externalIds: Readonly<Record<string, string>>,
): Operation[] {
  const { vlan } = from;
  const portRow = {
    name: port,
    interfaces: uuidRef(from.interfaceUuid),
    external_ids: toMap({ ...externalIds, [NM_UUID_KEY]: profiles.port }),
    ...(vlan.tag === undefined ? {} : { tag: vlan.tag }),
    ...(vlan.trunks.length === 0 ? {} : { trunks: toSet(vlan.trunks) }),
    ...(vlan.mode === undefined ? {} : { vlan_mode: vlan.mode }),
  };
  const oldPort = [['_uuid', '==', uuidRef(from.portUuid)]];
  const bridge = [['_uuid', '==', uuidRef(from.bridgeRowUuid)]];
  const link = [['_uuid', '==', uuidRef(from.interfaceUuid)]];
  const marks = Object.entries({ ...externalIds, [NM_UUID_KEY]: profiles.interface });
  return [
    {
      op: 'wait',
      table: 'Port',
      where: oldPort,
      columns: ['name', 'interfaces'],
      until: '==',
      rows: [{ name: from.port, interfaces: uuidRef(from.interfaceUuid) }],
      timeout: 0,
    },
    { op: 'insert', table: 'Port', row: portRow, 'uuid-name': 'adopted' },
    {
      op: 'mutate',
      table: 'Interface',
      where: link,
      mutations: [
        ['external_ids', 'delete', toSet(marks.map(([key]) => key))],
        ['external_ids', 'insert', toMap(Object.fromEntries(marks))],
      ],
    },
    {
      op: 'mutate',
      table: 'Bridge',
      where: bridge,
      mutations: [
        ['ports', 'delete', uuidRef(from.portUuid)],
        ['ports', 'insert', namedRef('adopted')],
      ],
    },
  ];
}
