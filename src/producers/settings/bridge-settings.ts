// The settings of bridges, and the VLANs of their ports, as OVSDB has them; pure.

import type { Replica } from '../../core/ovsdb/replica.ts';
import type { Row } from '../../core/ovsdb/rows.ts';
import { OWNER_KEYS } from '../../core/plan/observed.ts';
import type { Settings } from './difference.ts';

export interface BridgeSettings {
  /** Of the bridge's row. */
  own: Settings;
  /** VLANs by the uuid of the port's row: one of the same name may be another. */
  ports: Readonly<Record<string, { name: string; vlan: string }>>;
}

/** Prefix of what the agent keeps in `external_ids`; other programs keep theirs there, and change them all the time. */
const OURS = 'ovs-port-agent';

/** @param isManaged whether a bridge is the agent's: it has guests' ports, or the configuration names it */
export function bridgeSettings(
  replica: Replica,
  isManaged: (bridge: string) => boolean,
): Map<string, BridgeSettings> {
  // By name: rows come in the order of their random ids, and blocks are read in the order they are written.
  const bridges = [...replica.rows('Bridge').values()].filter(({ name }) => isManaged(name)).sort(byName);
  return new Map(
    bridges.map((bridge) => [
      bridge.name,
      { own: settingsOf(bridge, replica), ports: Object.fromEntries(vlansOf(bridge, replica)) },
    ]),
  );
}

function settingsOf(bridge: Row<'Bridge'>, replica: Replica): Settings {
  const controllers = (bridge.controller ?? [])
    .map((uuid) => replica.rows('Controller').get(uuid)?.target ?? 'unknown')
    .sort();
  const settings = {
    datapath_type: bridge.datapath_type || 'system',
    fail_mode: bridge.fail_mode,
    protocols: listed(bridge.protocols),
    controllers: listed(controllers),
    stp: bridge.stp_enable === true || undefined,
    rstp: bridge.rstp_enable === true || undefined,
    mcast_snooping: bridge.mcast_snooping_enable === true || undefined,
    ...keyed('other_config', bridge.other_config ?? {}),
    ...keyed('external_ids', ours(bridge.external_ids)),
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([key, is]) => (is === undefined ? [] : [[key, is]])),
  );
}

function vlansOf(bridge: Row<'Bridge'>, replica: Replica): [string, { name: string; vlan: string }][] {
  const ports = bridge.ports.flatMap((uuid) => {
    const port = replica.rows('Port').get(uuid);
    return port === undefined ? [] : [{ uuid, name: port.name, vlan: vlanOf(port) }];
  });
  return ports.sort(byName).map(({ uuid, ...port }) => [uuid, port]);
}

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

/** `5`, `trunk 5,7`, `native-tagged 5 (5,7)`, or empty: all VLANs as they come. */
function vlanOf({ tag, trunks, vlan_mode: mode }: Row<'Port'>): string {
  const list = [...trunks].sort((a, b) => a - b).join(',');
  const words = [mode, tag === undefined ? undefined : String(tag), list && `trunks ${list}`];
  return words.filter(Boolean).join(' ');
}

const listed = (values: readonly string[] = []) => (values.length === 0 ? undefined : [...values].sort());

const keyed = (column: string, values: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${column}:${key}`, value]));

/** The boot that is marked changes without anybody's doing; that the mark is there does not. */
const ours = (ids: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(ids)
      .filter(([key]) => key.startsWith(OURS))
      .map(([key, value]) => [key, key === OWNER_KEYS.boot ? 'present' : value]),
  );
