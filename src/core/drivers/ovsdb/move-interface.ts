// The transaction that moves a live Interface row into a Port of another name.
//
// A Port's name cannot be changed (vswitch.ovsschema), so a new Port takes over the row and everything that was set on the
// old one. NetworkManager takes over rows whose name and `NM.connection.uuid` equal its profile's, and fails destructively
// on rows without: for it the marks are in the same transaction.

import type { Operation } from '../../ovsdb/client.ts';
import type { Replica } from '../../ovsdb/replica.ts';
import type { Row } from '../../ovsdb/rows.ts';
import { namedRef, toMap, toSet, uuidRef } from '../../ovsdb/values.ts';
import { ROW_KEYS } from '../../plan/driver-names.ts';
import { type ObservedPort, OWNER_KEYS } from '../../plan/observed.ts';

type Ids = Readonly<Record<string, string>>;
type Reference = ReturnType<typeof namedRef>;

export interface Move {
  /** Name of the Port that is to hold the Interface. */
  row: string;
  from: ObservedPort;
  /** The marks that the rows shall carry afterwards; none of ours and none of another driver's stay beside them. */
  portIds: Ids;
  interfaceIds: Ids;
  /** Name of the new row inside the transaction, where several ports move in one. */
  uuidName?: string;
}

const MARKS: readonly string[] = [...Object.values(OWNER_KEYS), ...ROW_KEYS];

/** Operations for `transact`. They fail as a whole when the rows are no longer what `from` says. */
export function moveInterface(replica: Replica, move: Move): Operation[] {
  const { row, from, portIds, interfaceIds, uuidName = 'moved' } = move;
  const oldPort = uuidRef(from.portUuid);
  const port = namedRef(uuidName);
  return [
    holds(from),
    { op: 'insert', table: 'Port', row: portRow(replica, row, from, portIds), 'uuid-name': uuidName },
    mark('Interface', from.interfaceUuid, interfaceIds),
    ...movedMirrors(replica, from.portUuid, port),
    {
      op: 'mutate',
      table: 'Bridge',
      where: [['_uuid', '==', uuidRef(from.bridgeRowUuid)]],
      mutations: [
        ['ports', 'delete', oldPort],
        ['ports', 'insert', port],
      ],
    },
  ];
}

/** Operations that move many ports at once to the names of their devices; ours stays as an alias. */
export function restoreNamesOf(replica: Replica, ports: readonly ObservedPort[]): Operation[] {
  return ports.flatMap((from, index) => {
    const marks = Object.values(OWNER_KEYS).flatMap((key) =>
      from.externalIds[key] === undefined ? [] : [[key, from.externalIds[key]] as const],
    );
    const ids = { ...Object.fromEntries(marks), [OWNER_KEYS.port]: from.port };
    const uuidName = `moved${index}`;
    return moveInterface(replica, { row: from.interface, from, portIds: ids, interfaceIds: ids, uuidName });
  });
}

/** Fails the transaction unless the port still has its name and its one Interface. */
export function holds({ portUuid, row, interfaceUuid }: ObservedPort): Operation {
  return {
    op: 'wait',
    table: 'Port',
    where: [['_uuid', '==', uuidRef(portUuid)]],
    columns: ['name', 'interfaces'],
    until: '==',
    rows: [{ name: row, interfaces: uuidRef(interfaceUuid) }],
    timeout: 0,
  };
}

/** Replaces our marks on a row; what others wrote into external_ids stays. */
export function mark(table: 'Port' | 'Interface', uuid: string, ids: Ids): Operation {
  return {
    op: 'mutate',
    table,
    where: [['_uuid', '==', uuidRef(uuid)]],
    mutations: [
      ['external_ids', 'delete', toSet(MARKS)],
      ['external_ids', 'insert', toMap(ids)],
    ],
  };
}

function portRow(replica: Replica, name: string, { portUuid, interfaceUuid, vlan }: ObservedPort, ids: Ids) {
  const former = replica.rows('Port').get(portUuid);
  const theirs = Object.entries(former?.external_ids ?? {}).filter(([key]) => !MARKS.includes(key));
  return {
    name,
    interfaces: uuidRef(interfaceUuid),
    external_ids: toMap({ ...Object.fromEntries(theirs), ...ids }),
    ...(vlan.tag === undefined ? {} : { tag: vlan.tag }),
    ...(vlan.trunks.length === 0 ? {} : { trunks: toSet(vlan.trunks) }),
    ...(vlan.mode === undefined ? {} : { vlan_mode: vlan.mode }),
    ...(former === undefined ? {} : otherSettings(former)),
  };
}

function otherSettings({ qos, cvlans, other_config, protected: isolated }: Row<'Port'>) {
  return {
    ...(qos === undefined ? {} : { qos: uuidRef(qos) }),
    ...(cvlans.length === 0 ? {} : { cvlans: toSet(cvlans) }),
    ...(isolated ? { protected: true } : {}),
    other_config: toMap(other_config),
  };
}

/** Mirrors name ports by row: one that copies this port's traffic, or sends it there, goes on doing so. */
function movedMirrors(replica: Replica, portUuid: string, moved: Reference): Operation[] {
  return [...replica.rows('Mirror').values()].flatMap((mirror) => {
    const where = [['_uuid', '==', uuidRef(mirror.uuid)]];
    const sources = (['select_src_port', 'select_dst_port'] as const).filter((column) =>
      mirror[column].includes(portUuid),
    );
    const mutations = sources.flatMap((column) => [
      [column, 'delete', uuidRef(portUuid)],
      [column, 'insert', moved],
    ]);
    const operations: Operation[] = [];
    if (mutations.length > 0) operations.push({ op: 'mutate', table: 'Mirror', where, mutations });
    if (mirror.output_port === portUuid) {
      operations.push({ op: 'update', table: 'Mirror', where, row: { output_port: moved } });
    }
    return operations;
  });
}
