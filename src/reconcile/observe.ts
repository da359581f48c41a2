// One look at the host: OVSDB's rows, the kernel's links, our profiles, and whether inner veth ends are in place.

import type { BridgeSpec, SwitchDrivers } from '../core/drivers/driver.ts';
import { observeBridges, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { isGuestDevice } from '../core/guest/interface-name.ts';
import {
  hostDevice,
  hostUse,
  isLinuxBridge,
  isUpWith,
  linkMaster,
  linksByName,
} from '../core/kernel/links.ts';
import { isDeaf } from '../core/kernel/own-interface.ts';
import type { Veths } from '../core/kernel/veth.ts';
import { asAgentError } from '../core/lib/errors.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import { isOurs, type Observed, type ObservedPort } from '../core/plan/observed.ts';

export interface ObserveParts {
  ovsdb: OvsdbClient;
  drivers: SwitchDrivers;
  veths: Veths;
  /** What a bridge should be like by the configuration. */
  bridgeSpecOf: (bridge: string) => Pick<BridgeSpec, 'addresses' | 'ipv6'> | undefined;
  /** Rules of ours on the switch, as they were last seen. */
  portSecurity: () => Observed['portSecurity'];
}

/** What to look at beside OVSDB's rows and the links; each costs time that an attach should not spend. */
export interface ObserveRequest {
  desired: readonly DesiredPort[];
  /** Ports that may be taken away: the devices behind these are looked at, whatever the marks say. */
  inScope: (port: string) => boolean;
  /** Whether to ask the drivers for our profiles: needed to find those whose port is gone. */
  withProfiles: boolean;
  /** Bridges that should be there, with their own interface up. */
  bridges: readonly string[];
}

export async function observe(
  { ovsdb, drivers, veths, bridgeSpecOf, portSecurity }: ObserveParts,
  { desired, inScope, withProfiles, bridges }: ObserveRequest,
): Promise<Observed> {
  const profiles = withProfiles ? await profilesOrWhyNot(drivers) : { profiles: [] };
  const links = linksByName();
  const guestEnds = new Set<string>();
  await Promise.all(
    desired.map(async ({ port, interface: outer, veth }) => {
      if (veth && links.has(outer) && (await veths.hasInnerEnd(outer, veth))) guestEnds.add(port);
    }),
  );
  const bridgesDown = new Set<string>();
  const found = observeBridges(ovsdb.replica);
  for (const name of bridges) {
    const bridge = found.get(name);
    if (bridge === undefined) continue;
    const isOurs = Object.values(drivers).some((driver) => driver.owns(bridge));
    const { addresses = [], ipv6 = false } = bridgeSpecOf(name) ?? {};
    if (isOurs && !((await isUpWith(name, addresses)) && isDeaf(name, ipv6))) bridgesDown.add(name);
  }
  const ports = observePorts(ovsdb.replica);
  const desiredByPort = new Map(desired.map((desiredPort) => [desiredPort.port, desiredPort]));
  const doubtful = ports.filter(({ port, interface: link, bridge, externalIds }) => {
    // Cheapest first: it is asked of every port there is.
    const desiredPort = desiredByPort.get(port);
    if (desiredPort?.interface === link && desiredPort.bridge === bridge) return false;
    return isOurs(externalIds) && inScope(port) && links.has(link);
  });
  const asked = [...bridges, ...desired.map(({ bridge }) => bridge)].filter((name) => !found.has(name));
  return {
    bridges: found,
    linuxBridges: new Set(asked.filter(isLinuxBridge)),
    ports,
    ...(await devicesOf(doubtful, veths)),
    links,
    ...profiles,
    guestEnds,
    parked: veths.parked(),
    bridgesDown,
    portSecurity: portSecurity(),
    leftByProxmox: await leftByProxmox(doubtful),
  };
}

/** What is behind rows that may be about to go. */
async function devicesOf(
  rows: readonly ObservedPort[],
  veths: Pick<Veths, 'isGuestDevice'>,
): Promise<Pick<Observed, 'hostDevices' | 'guestDevices'>> {
  const hostDevices = new Map<string, string>();
  const guestDevices = new Set<string>();
  for (const { interface: link } of rows) {
    const use = await hostDevice(link);
    if (use !== undefined) hostDevices.set(link, use);
    else if ((await hostUse(link)) === undefined && (await veths.isGuestDevice(link))) guestDevices.add(link);
  }
  return { hostDevices, guestDevices };
}

/** A guest that stops must not wait for a NetworkManager that hangs: what can be seen without it is enough to go on. */
async function profilesOrWhyNot(
  drivers: SwitchDrivers,
): Promise<Pick<Observed, 'profiles' | 'profilesUnread'>> {
  try {
    const found = await Promise.all(Object.values(drivers).map((driver) => driver.profiles()));
    return { profiles: found.flat() };
  } catch (error) {
    const profilesUnread = asAgentError(error, 'bus-call-failed', 'What the drivers keep cannot be read');
    return { profiles: [], profilesUnread };
  }
}

/** Of the rows that may go: whose devices Proxmox has elsewhere, or has set down (`link_down`). */
async function leftByProxmox(rows: readonly ObservedPort[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const { interface: link } of rows) {
    if (!isGuestDevice(link)) continue;
    if ((await linkMaster(link)) !== undefined || !(await isUpWith(link, []))) found.add(link);
  }
  return found;
}
