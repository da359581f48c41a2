// Whether the switch can be worked on, and why not.

import type { NetworkManager, NetworkManagerState } from '../core/networkmanager/networkmanager.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';

const STARTUP_MS = 30_000;
const QUIET_MS = 2_000;

/**
 * Whether the switch can be worked on, after a start-up of NetworkManager in which it brings back what it had:
 * acting at the same time would undo that. Its whole start-up may take long for other reasons, such as DHCP on the
 * host's own NIC, so no change in OVSDB for a while is enough.
 */
export async function whenReady(
  networkManager: NetworkManager,
  ovsdb: OvsdbClient,
  state: () => Promise<NetworkManagerState>,
): Promise<boolean> {
  const { ovs, starting } = await state();
  if (!ovsdb.connected || !ovs || !starting) return ovsdb.connected;
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
  await state();
  return ovsdb.connected;
}

/** Rejects when there is none within QUIET_MS. */
function nextChange(ovsdb: OvsdbClient): Promise<true> {
  let checks = 0;
  return ovsdb.until('a change in OVSDB', QUIET_MS, () => (checks++ === 0 ? undefined : true));
}
