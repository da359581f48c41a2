// Whether the switch can be worked on, and why not.

import type { ErrorCode } from '../core/errors.ts';
import { isAgentError } from '../core/errors.ts';
import type { NetworkManager, NetworkManagerState } from '../core/networkmanager/networkmanager.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';

export interface Readiness {
  ready: boolean;
  networkManager: NetworkManagerState;
  ovsdb: boolean;
  obstacle?: { code: ErrorCode; reason: string };
}

const ABSENT: NetworkManagerState = { running: false, ovs: false, version: '', starting: false };
const STARTUP_MS = 30_000;

/** Waits out a start-up of NetworkManager, in which it brings back what it had. */
export async function readiness(networkManager: NetworkManager, ovsdb: OvsdbClient): Promise<Readiness> {
  const state = await networkManager.state().catch((error: unknown) => {
    if (isAgentError(error)) return ABSENT;
    throw error;
  });
  const found = { networkManager: state, ovsdb: ovsdb.connected };
  if (!ovsdb.connected) {
    return {
      ...found,
      ready: false,
      obstacle: { code: 'ovsdb-unreachable', reason: 'OVSDB is not connected' },
    };
  }
  if (!state.running) {
    const reason = 'NetworkManager is not running';
    return { ...found, ready: false, obstacle: { code: 'networkmanager-unavailable', reason } };
  }
  if (!state.ovs) {
    const reason = `NetworkManager ${state.version} has no OVS plugin`;
    return { ...found, ready: false, obstacle: { code: 'networkmanager-without-ovs', reason } };
  }
  if (state.starting) await networkManager.settled(STARTUP_MS).catch(() => undefined);
  return { ...found, ready: true };
}
