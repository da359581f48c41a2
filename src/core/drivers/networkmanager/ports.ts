// Guests' ports that two profiles in NetworkManager hold: one of the port, one of the link in it.

import { linkIndex, tunFlags } from '../../kernel/links.ts';
import { whileThere } from '../../kernel/while-there.ts';
import { AgentError, isAgentError } from '../../lib/errors.ts';
import type { DesiredPort } from '../../plan/desired.ts';
import { NM_UUID_KEY, type ObservedPort } from '../../plan/observed.ts';
import { externalIdsOf } from '../../plan/owner.ts';
import type { PortOutcome } from '../driver.ts';
import { moveInterface } from '../ovsdb/move-interface.ts';
import { observeBridges } from '../ovsdb/observe.ts';
import { removePort } from '../ovsdb/port-rows.ts';
import { usablePort } from '../ovsdb/usable.ts';
import { ACTIVATION_MS, type DriverParts, dropProfiles, withRetry } from './parts.ts';
import { interfaceProfile, type PortProfileInput, portProfile, profileUuid } from './profiles.ts';

const GONE_MS = 5_000;

/** UUIDs of the profiles that hold a port. */
export const uuidsOf = (bridge: string, port: string) => ({
  port: profileUuid('port', bridge, port),
  interface: profileUuid('interface', bridge, port),
});

/**
 * Adds the two profiles and activates the link's; leaves neither behind when it fails.
 *
 * @param beforeActivation what is done once the profiles are there, at the first try only
 */
export async function attachPort(
  parts: DriverParts,
  desired: DesiredPort,
  beforeActivation?: () => Promise<void>,
): Promise<PortOutcome> {
  const { networkManager, ovsdb } = parts;
  const { port, interface: link } = desired;
  const uuids = uuidsOf(desired.bridge, port);
  const attempt = async (attempts: number): Promise<PortOutcome> => {
    const input = await profileInput(parts, desired);
    // The three calls go out at once: NetworkManager answers in their order, and one answer is waited for, not three.
    const [, profile, device] = await allDone([
      networkManager.addProfile(portProfile(input)),
      networkManager.addProfile(interfaceProfile(input)),
      whileThere(link, networkManager.devicePath(link, ACTIVATION_MS)),
    ]);
    if (attempts === 1) await beforeActivation?.();
    await whileThere(link, networkManager.activate(profile, device, ACTIVATION_MS));
    // NetworkManager says ACTIVATED even when ovs-vswitchd could not open the device: OVSDB itself tells.
    return { driver: 'networkmanager', ofport: await usablePort(ovsdb, port, link), attempts };
  };
  try {
    return await withRetry(attempt);
  } catch (error) {
    await dropProfiles(networkManager, [uuids.interface, uuids.port]).catch(() => undefined);
    throw error;
  }
}

/** Puts NetworkManager's marks on the live rows in the transaction that renames them: it takes over no others. */
export function adoptPort(
  parts: DriverParts,
  desired: DesiredPort,
  from: ObservedPort,
): Promise<PortOutcome> {
  const { ovsdb, bootId } = parts;
  const uuids = uuidsOf(desired.bridge, desired.port);
  const marks = externalIdsOf(desired, bootId);
  const stamped = {
    row: desired.port,
    from,
    portIds: { ...marks, [NM_UUID_KEY]: uuids.port },
    interfaceIds: { ...marks, [NM_UUID_KEY]: uuids.interface },
  };
  const stamp = () => ovsdb.transact(moveInterface(ovsdb.replica, stamped)).then(() => undefined);
  return attachPort(parts, { ...desired, vlan: from.vlan }, stamp);
}

export async function detachPort({ networkManager, ovsdb }: DriverParts, port: ObservedPort): Promise<void> {
  const uuids = uuidsOf(port.bridge, port.port);
  const hasLink = (await linkIndex(port.interface)) !== undefined;
  try {
    await dropProfiles(networkManager, [uuids.interface, uuids.port]);
    if (hasLink) await networkManager.unmanage(port.interface);
  } catch (error) {
    if (hasLink || !isAgentError(error, 'networkmanager-unavailable')) throw error;
    // It went away or hangs; a row without its device would be in the way of the guest's next start.
    await ovsdb.transact(removePort(port));
    return;
  }
  try {
    await ovsdb.until(`waiting for ${port.port} to leave OVSDB`, GONE_MS, (replica) =>
      replica.named('Port', port.port) === undefined ? true : undefined,
    );
  } catch (error) {
    if (!isAgentError(error, 'deadline-exceeded')) throw error;
    await ovsdb.transact(removePort(port));
  }
}

async function profileInput({ ovsdb, bootId }: DriverParts, desired: DesiredPort): Promise<PortProfileInput> {
  const { bridge, vlan } = desired;
  const bridgeUuid = observeBridges(ovsdb.replica).get(bridge)?.externalIds[NM_UUID_KEY];
  if (bridgeUuid === undefined) {
    throw new AgentError('bridge-not-ours', `The bridge ${bridge} does not belong to NetworkManager`);
  }
  const tun = await tunFlags(desired.interface);
  return {
    bridge,
    bridgeUuid,
    port: desired.port,
    interface: desired.interface,
    externalIds: externalIdsOf(desired, bootId),
    ...(tun === undefined ? {} : { tun }),
    ...(vlan?.tag === undefined ? {} : { tag: vlan.tag }),
    ...(vlan?.mode === undefined ? {} : { vlanMode: vlan.mode }),
    ...(vlan === undefined ? {} : { trunks: vlan.trunks }),
  };
}

/** Like Promise.all, but when one fails the others have ended too: nothing is under way that a clean-up could miss. */
async function allDone<T extends readonly Promise<unknown>[] | []>(work: T) {
  await Promise.allSettled(work);
  return Promise.all(work);
}
