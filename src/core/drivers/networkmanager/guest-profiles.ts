// The profiles in NetworkManager that hold guests' ports for us.

import { asAgentError } from '../../lib/errors.ts';
import type { NetworkManager } from '../../networkmanager/networkmanager.ts';
import type { ObservedProfile } from '../../plan/observed.ts';
import { USER_BRIDGE_KEY, USER_KEY } from './profiles.ts';

/** Those of a bridge itself stay for good and are left out. Throws why they cannot be read. */
export async function guestProfiles(
  networkManager: Pick<NetworkManager, 'profiles'>,
): Promise<ObservedProfile[]> {
  const all = await networkManager.profiles().catch((error: unknown) => {
    throw asAgentError(error, 'bus-call-failed', "NetworkManager's profiles cannot be read");
  });
  return all.flatMap(({ uuid, user }) => {
    const port = user[USER_KEY];
    const bridge = user[USER_BRIDGE_KEY];
    if (port === undefined || bridge === undefined || port === bridge) return [];
    return [{ driver: 'networkmanager' as const, uuid, port, bridge }];
  });
}
