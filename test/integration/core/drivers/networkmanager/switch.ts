// The switch behind the NetworkManager of these tests: a replica in which its OVS plugin makes and removes rows.

import { pause, withDeadline } from '../../../../../src/core/lib/deadline.ts';
import type { Operation, OvsdbClient } from '../../../../../src/core/ovsdb/client.ts';
import { emptyReplica } from '../../../../../src/core/ovsdb/replica.ts';
import { NM_UUID_KEY } from '../../../../../src/core/plan/driver-names.ts';
import type { NetworkManagerService, Settings } from './service.ts';

const CHECK_MS = 5;
const set = (...atoms: unknown[]) => ['set', atoms];
const map = (entries: Record<string, string>) => ['map', Object.entries(entries)];

export interface TestSwitch {
  ovsdb: OvsdbClient;
  transactions: (readonly Operation[])[];
  /** The rows that the plugin makes when it activates the interface's profile. */
  plug(service: NetworkManagerService, interfaceProfile: Settings): void;
  unplug(interfaceProfile: Settings): void;
}

/** With one bridge, which belongs to the profile of that UUID. */
export function testSwitch(bridge: string, bridgeUuid: string): TestSwitch {
  const replica = emptyReplica();
  const ports = new Set<string>();
  const bridgeRow = () => ({
    new: {
      name: bridge,
      ports: set(...[...ports].map((uuid) => ['uuid', uuid])),
      datapath_type: 'netdev',
      external_ids: map({ [NM_UUID_KEY]: bridgeUuid }),
    },
  });
  replica.apply({ Bridge: { b: bridgeRow() } });
  const transactions: (readonly Operation[])[] = [];
  const ovsdb = {
    replica,
    connected: true,
    problem: undefined,
    transact: async (operations: readonly Operation[]) => {
      transactions.push(operations);
      return [];
    },
    until: <T>(what: string, deadlineMs: number, test: (now: typeof replica) => T | undefined) =>
      withDeadline(deadlineMs, what, async (signal) => {
        for (;;) {
          const value = test(replica);
          if (value !== undefined) return value;
          await pause(CHECK_MS, signal);
          signal.throwIfAborted();
        }
      }),
  } as unknown as OvsdbClient;
  return {
    ovsdb,
    transactions,
    plug(service, { connection = {}, 'ovs-external-ids': ids = {} }) {
      const parent = [...service.profiles.values()].find(
        (profile) => profile['connection']?.['uuid'] === connection['master'],
      );
      const marks = ids['data'] as Record<string, string>;
      const external = (uuid: unknown) => map({ ...marks, [NM_UUID_KEY]: String(uuid) });
      ports.add('p');
      replica.apply({
        Bridge: { b: bridgeRow() },
        Port: {
          p: {
            new: {
              name: parent?.['connection']?.['interface-name'],
              interfaces: ['uuid', 'i'],
              tag: set(),
              trunks: set(),
              vlan_mode: set(),
              qos: set(),
              cvlans: set(),
              protected: false,
              other_config: map({}),
              external_ids: external(connection['master']),
            },
          },
        },
        Interface: {
          i: {
            new: {
              name: connection['interface-name'],
              type: '',
              ofport: 7,
              error: set(),
              mac_in_use: set(),
              mtu_request: set(),
              external_ids: external(connection['uuid']),
            },
          },
        },
      });
    },
    unplug({ connection = {} }) {
      if (connection['slave-type'] !== 'ovs-port' || ports.size === 0) return;
      ports.clear();
      replica.apply({ Bridge: { b: bridgeRow() }, Port: { p: { old: {} } }, Interface: { i: { old: {} } } });
    },
  };
}
