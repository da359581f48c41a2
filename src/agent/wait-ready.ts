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
const QUIET_MS = 2_000;

/** How things stand now; waits for nothing. */
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
  return { ...found, ready: true };
}

/**
 * Whether the switch can be worked on, after a start-up of NetworkManager in which it brings back what it had:
 * acting at the same time would undo that. Its whole start-up may take long for other reasons, such as DHCP on the
 * host's own card, so no change in OVSDB for a while is enough.
 */
export async function whenReady(networkManager: NetworkManager, ovsdb: OvsdbClient): Promise<boolean> {
  const { ready, networkManager: state } = await readiness(networkManager, ovsdb);
  if (!ready || !state.starting) return ready;
  const settled = networkManager.settled(STARTUP_MS).then(
    () => 'over',
    () => 'over',
  );
  for (;;) {
    const change = nextChange(ovsdb).then(
      () => 'change',
      () => 'quiet',
    );
    if ((await Promise.race([settled, change])) !== 'change') break;
  }
  return (await readiness(networkManager, ovsdb)).ready;
}

/** Rejects when there is none within QUIET_MS. */
function nextChange(ovsdb: OvsdbClient): Promise<true> {
  let looks = 0;
  return ovsdb.until('a change in OVSDB', QUIET_MS, () => (looks++ === 0 ? undefined : true));
}
