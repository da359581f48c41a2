// Bridges that NetworkManager makes for us, each with an internal interface of its name.

import { hasKernelDatapath, isUpWith } from '../../kernel/links.ts';
import { AgentError } from '../../lib/errors.ts';
import type { BridgeSpec } from '../driver.ts';
import { ACTIVATION_MS, type DriverParts, dropProfiles, withRetry } from './parts.ts';
import { bridgeProfiles, profileUuid } from './profiles.ts';
import { retryWhenStuck } from './when-stuck.ts';

/** From a bridge's interface in Open vSwitch to its activation it takes 0.2 s. */
const STUCK_MS = 3_000;
const USABLE_MS = 5_000;

/** As `SwitchDriver.createBridge`; leaves no profile behind when it fails. */
export async function createBridge(parts: DriverParts, spec: BridgeSpec): Promise<{ datapathType: string }> {
  const { networkManager, ovsdb, makeDeaf } = parts;
  const { bridge } = spec;
  const { profiles, datapathType } = await profilesOf(parts, spec);
  try {
    await networkManager.addProfile(profiles.bridge);
    await networkManager.addProfile(profiles.port);
    const path = await networkManager.addProfile(profiles.interface);
    const isThere = (withinMs: number) =>
      ovsdb.until(`waiting for ${bridge} in OVSDB`, withinMs, (replica) =>
        (replica.named('Interface', bridge)?.ofport ?? 0) > 0 ? true : undefined,
      );
    const activate = () => networkManager.activate(path, '/', ACTIVATION_MS);
    await retryWhenStuck(activate, isThere(ACTIVATION_MS), STUCK_MS);
    await isThere(USABLE_MS);
    // NetworkManager hears advertisements itself, and does not for these methods; redirects are the kernel's.
    await makeDeaf(bridge, spec.ipv6);
  } catch (error) {
    await dropProfiles(networkManager, [
      profileUuid('bridge-interface', bridge),
      profileUuid('bridge-port', bridge),
      profileUuid('bridge', bridge),
    ]).catch(() => undefined);
    throw error;
  }
  return { datapathType };
}

/** As `SwitchDriver.restoreBridge`. */
export async function restoreBridge(parts: DriverParts, spec: BridgeSpec): Promise<void> {
  const { networkManager, makeDeaf } = parts;
  const { bridge, addresses, ipv6 } = spec;
  if (!(await isUpWith(bridge, addresses))) {
    const { profiles } = await profilesOf(parts, spec);
    await withRetry(async (attempt) => {
      // First as it is. When that does not help the profile may have other addresses, and is replaced.
      const uuid = profileUuid('bridge-interface', bridge);
      const kept = attempt === 1 ? await networkManager.profilePath(uuid) : undefined;
      const path = kept ?? (await networkManager.addProfile(profiles.interface));
      await networkManager.activate(path, '/', ACTIVATION_MS);
      if (await isUpWith(bridge, addresses)) return makeDeaf(bridge, ipv6);
      throw new AgentError('activation-failed', `${bridge} is not up with ${addresses.join(', ')}`);
    });
    return;
  }
  await makeDeaf(bridge, ipv6);
}

async function profilesOf({ bootId }: DriverParts, spec: BridgeSpec) {
  const { bridge, datapathType: desired, addresses, ipv6 } = spec;
  const datapathType = desired === 'auto' ? ((await hasKernelDatapath()) ? 'system' : 'netdev') : desired;
  const externalIds = { 'ovs-port-agent.boot-id': bootId };
  return {
    datapathType,
    profiles: bridgeProfiles({ bridge, datapathType, addresses, ipv6, externalIds }),
  } as const;
}
