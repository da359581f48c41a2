// One look at the host: OVSDB's rows, the kernel's links, our profiles, and whether inner veth ends are in place.

import { linkNames } from '../core/kernel/links.ts';
import type { Veths } from '../core/kernel/veth.ts';
import type { NetworkManager } from '../core/networkmanager/networkmanager.ts';
import { USER_BRIDGE_KEY, USER_KEY } from '../core/networkmanager/profiles.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { observeBridges, observePorts } from '../core/ovsdb/observe.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Observed, ObservedProfile } from '../core/plan/observed.ts';

export interface ObserveParts {
  ovsdb: OvsdbClient;
  networkManager: NetworkManager;
  veths: Veths;
}

/**
 * @param withProfiles whether to ask NetworkManager for our profiles: needed to find those whose port is
 *   gone, a waste when a port is only to be made
 */
export async function observe(
  { ovsdb, networkManager, veths }: ObserveParts,
  desired: readonly DesiredPort[],
  withProfiles: boolean,
): Promise<Observed> {
  const [links, profiles] = await Promise.all([linkNames(), withProfiles ? ourProfiles(networkManager) : []]);
  const guestEnds = new Set<string>();
  await Promise.all(
    desired.map(async ({ port, interface: outer, veth }) => {
      if (veth && links.has(outer) && (await veths.hasInnerEnd(outer, veth))) guestEnds.add(port);
    }),
  );
  return {
    bridges: observeBridges(ovsdb.replica),
    ports: observePorts(ovsdb.replica),
    links,
    profiles,
    guestEnds,
  };
}

/** Guest-port profiles of ours; those of a bridge itself stay for good and are left out. */
async function ourProfiles(networkManager: NetworkManager): Promise<ObservedProfile[]> {
  const found: ObservedProfile[] = [];
  for (const profile of await networkManager.profiles()) {
    const port = profile.user[USER_KEY];
    const bridge = profile.user[USER_BRIDGE_KEY];
    if (port === undefined || bridge === undefined || port === bridge) continue;
    found.push({ uuid: profile.uuid, port, bridge });
  }
  return found;
}
