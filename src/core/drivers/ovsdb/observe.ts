// From the replica's rows to the bridges and ports that `plan` looks at.

import { parsePortName } from '../../guest/vmid.ts';
import type { Replica } from '../../ovsdb/replica.ts';
import type { Row } from '../../ovsdb/rows.ts';
import type { Vlan } from '../../plan/desired.ts';
import { driverOfRow } from '../../plan/driver-names.ts';
import { isOurs, type ObservedBridge, type ObservedPort, OWNER_KEYS } from '../../plan/observed.ts';

/** The bridges by name. An empty `datapath_type` means `system` (ovs-vswitchd.conf.db(5)). */
export function observeBridges(replica: Replica): Map<string, ObservedBridge> {
  const bridges = new Map<string, ObservedBridge>();
  for (const row of replica.rows('Bridge').values()) {
    bridges.set(row.name, {
      name: row.name,
      datapathType: row.datapath_type === 'netdev' ? 'netdev' : 'system',
      ...((row.stp_enable === true || row.rstp_enable === true) && { spanningTree: true as const }),
      externalIds: row.external_ids,
    });
  }
  return bridges;
}

/** Every Port row that holds exactly one Interface. */
export function observePorts(replica: Replica): readonly ObservedPort[] {
  return replica.derived(portsOf);
}

/** The names by which we know these ports. */
export function observePortNames(replica: Replica): ReadonlySet<string> {
  return replica.derived(namesOf);
}

const namesOf = (replica: Replica) => new Set(observePorts(replica).map(({ port }) => port));

/** What was made of a row, while that row and its interface's are the same: with each change a few of hundreds are not. */
interface CachedPort {
  link: Row<'Interface'>;
  bridge: string;
  bridgeUuid: string;
  observed: ObservedPort;
}
const newCache = (): WeakMap<Row<'Port'>, CachedPort> => new WeakMap();

function portsOf(replica: Replica): ObservedPort[] {
  const cached = replica.kept(newCache);
  const ports: ObservedPort[] = [];
  for (const bridge of replica.rows('Bridge').values()) {
    for (const portUuid of bridge.ports) {
      const port = replica.rows('Port').get(portUuid);
      const [interfaceUuid, ...others] = port?.interfaces ?? [];
      const link = interfaceUuid === undefined ? undefined : replica.rows('Interface').get(interfaceUuid);
      if (port === undefined || link === undefined || others.length > 0) continue;
      const known = cached.get(port);
      const isCurrent =
        known?.link === link && known.bridge === bridge.name && known.bridgeUuid === bridge.uuid;
      const observed = isCurrent ? known.observed : observedPort(bridge, port, link);
      if (!isCurrent) cached.set(port, { link, bridge: bridge.name, bridgeUuid: bridge.uuid, observed });
      ports.push(observed);
    }
  }
  return ports;
}

function observedPort(bridge: Row<'Bridge'>, port: Row<'Port'>, link: Row<'Interface'>): ObservedPort {
  const vlan: Vlan = {
    trunks: port.trunks,
    ...(port.tag === undefined ? {} : { tag: port.tag }),
    ...(port.vlan_mode === undefined ? {} : { mode: port.vlan_mode }),
  };
  const alias = port.external_ids[OWNER_KEYS.port];
  const isAlias = alias !== undefined && isOurs(port.external_ids) && parsePortName(alias) !== undefined;
  return {
    port: isAlias ? alias : port.name,
    row: port.name,
    driver: driverOfRow(port.external_ids),
    bridge: bridge.name,
    interface: link.name,
    type: link.type,
    ...(link.ofport === undefined ? {} : { ofport: link.ofport }),
    ...(link.error === undefined ? {} : { error: link.error }),
    vlan,
    portUuid: port.uuid,
    interfaceUuid: link.uuid,
    bridgeRowUuid: bridge.uuid,
    externalIds: port.external_ids,
    interfaceExternalIds: link.external_ids,
  };
}
