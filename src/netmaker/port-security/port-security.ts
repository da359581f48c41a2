// Puts the flows of secured ports on a bridge, reads them back and takes them off.

import type { Exec } from '../../core/lib/exec.ts';
import { gathered } from '../../core/lib/gathered.ts';
import { announcements } from './announcement.ts';
import { flowsOf, hostMulticastFlow } from './flows.ts';
import { openInstallTogether } from './install-together.ts';
import { type InstalledPortSecurity, markOf, multicastPorts } from './installed.ts';
import { meterId, metersOf } from './meters.ts';
import { type OpenFlow, openOpenFlow, type Remembered } from './openflow.ts';
import { cookieOf } from './pipeline.ts';
import type { SecuredPort } from './port.ts';

export { digestOf, type InstalledPortSecurity } from './installed.ts';
export type { SecuredPort } from './port.ts';

export interface PortSecurityRules {
  /**
   * Replaces the port's flows in one atomic bundle; its counters begin anew. Flows of another VMID that are for the
   * same OpenFlow port go, for the number has a new holder. Throws `flows-refused`, `bad-argument`.
   */
  install(port: SecuredPort): Promise<void>;
  /** Takes the port's flows and meters off; none is fine. Throws `flows-refused`, also when there is no such bridge. */
  remove(bridge: string, vmid: number): Promise<void>;
  /** By VMID, what is there now. Nothing of it survives a restart of ovs-vswitchd. Throws `flows-refused`. */
  installed(bridge: string): Promise<ReadonlyMap<number, InstalledPortSecurity>>;
  /**
   * Tells the host, the neighbours and the uplink that `mac`, behind this port, has the addresses, as if the guest had
   * said so. Throws `flows-refused`, `bad-argument`.
   */
  announce(bridge: string, ofport: number, mac: string, addresses: readonly string[]): Promise<void>;
}

export function openPortSecurityRules(exec: Exec): PortSecurityRules {
  const openflow = openOpenFlow(exec);
  const inTurn = serialised();
  /** What the last look and our own changes since say, by bridge: a container that starts waits for every look. */
  const remembered = new Map<string, Remembered>();
  const recall = async (bridge: string): Promise<Remembered> => {
    const known = remembered.get(bridge);
    if (known !== undefined) return known;
    const [{ securityByVmid }, meters] = await Promise.all([
      openflow.dump(bridge),
      openflow.meterIds(bridge),
    ]);
    const fresh = { securityByVmid: new Map(securityByVmid), meters };
    remembered.set(bridge, fresh);
    return fresh;
  };
  /** Somebody else may have changed what is remembered, or ovs-vswitchd was started anew. */
  const readingAgain = async (bridge: string, work: () => Promise<void>): Promise<void> => {
    const isRemembered = remembered.has(bridge);
    try {
      await work();
    } catch (error) {
      remembered.delete(bridge);
      if (!isRemembered) throw error;
      await work();
    }
  };

  const { install, cut } = openInstallTogether({
    inTurn,
    installAll(ports) {
      const bridge = ports[0]?.bridge ?? '';
      return readingAgain(bridge, () => installNow(openflow, bridge, ports, () => recall(bridge)));
    },
  });
  const announcers = new Map<string, (lines: readonly string[]) => Promise<void>>();

  return {
    install,

    remove(bridge, vmid) {
      cut(bridge);
      return inTurn(bridge, () =>
        readingAgain(bridge, () => removeNow(openflow, bridge, vmid, () => recall(bridge))),
      );
    },

    async installed(bridge) {
      const { flows, securityByVmid } = await openflow.dump(bridge);
      const known = remembered.get(bridge)?.securityByVmid;
      const isSame =
        known?.size === securityByVmid.size &&
        [...securityByVmid].every(([vmid, { ofport }]) => known.get(vmid)?.ofport === ofport);
      if (!isSame) remembered.delete(bridge);
      const isolated = [...securityByVmid].filter(([, { isolate }]) => isolate);
      if (isolated.length > 0) {
        const reached = multicastPorts(flows);
        const unflooded = await openflow.unflooded(bridge);
        for (const [, portSecurity] of isolated)
          if (!reached.has(portSecurity.ofport) || !unflooded.has(portSecurity.ofport))
            portSecurity.digest = '';
      }
      return new Map([...securityByVmid].map(([vmid, { isolate: _, ...guard }]) => [vmid, guard]));
    },

    async announce(bridge, ofport, mac, addresses) {
      const lines = addresses
        .flatMap((address) => announcements(mac, address))
        .map((frame) => `packet-out in_port=${ofport},packet=${frame.toString('hex')},actions=NORMAL\n`);
      const send = announcers.get(bridge) ?? gathered((all) => openflow.send(bridge, all.flat()));
      announcers.set(bridge, send);
      await send(lines);
    },
  };
}

/** @param ports of one bridge, each with a VMID and an OpenFlow number of its own */
async function installNow(
  openflow: OpenFlow,
  bridge: string,
  ports: readonly SecuredPort[],
  recall: () => Promise<Remembered>,
): Promise<void> {
  const plans = ports.map((port) => ({
    ...port,
    lines: [...flowsOf(port), markOf(port)].map((flow) => `add cookie=${cookieOf(port.vmid)},${flow}`),
    meters: metersOf(port),
  }));
  const observed = await recall();
  const former = [...observed.securityByVmid].filter(([vmid, { ofport }]) =>
    ports.some((port) => port.vmid === vmid || port.ofport === ofport),
  );
  const meters = plans.flatMap((plan) => plan.meters);
  const isolated = ports.filter(({ portSecurity }) => portSecurity.isolate).map(({ ofport }) => ofport);
  await openflow.setMeters(bridge, meters, observed);
  for (const ofport of isolated) await openflow.setFlood(bridge, ofport, false);
  const gone = former.map(([vmid]) => vmid);
  const others = isolatedExcept(observed, gone);
  await openflow.bundle(bridge, [
    ...new Set([...ports.map(({ vmid }) => vmid), ...gone].map(deletion)),
    ...plans.flatMap(({ lines }) => lines),
    ...hostMulticast([...others, ...isolated]),
  ]);
  for (const vmid of gone) observed.securityByVmid.delete(vmid);
  for (const { vmid, ofport, portSecurity } of ports)
    observed.securityByVmid.set(vmid, { ofport, isolate: portSecurity.isolate });
  const desired = new Set(meters.map(({ id }) => id));
  const ofports = [...ports, ...former.map(([, portSecurity]) => portSecurity)].map(({ ofport }) => ofport);
  await openflow.dropMeters(bridge, metersAt(ofports, desired), observed);
  for (const [, { ofport, isolate }] of former) {
    const isOpen = ports.some((port) => port.ofport === ofport && !port.portSecurity.isolate);
    if (isolate && isOpen) await openflow.setFlood(bridge, ofport, true);
  }
}

async function removeNow(
  openflow: OpenFlow,
  bridge: string,
  vmid: number,
  recall: () => Promise<Remembered>,
): Promise<void> {
  const observed = await recall();
  const portSecurity = observed.securityByVmid.get(vmid);
  if (portSecurity === undefined) return;
  await openflow.bundle(bridge, [deletion(vmid), ...hostMulticast(isolatedExcept(observed, [vmid]))]);
  observed.securityByVmid.delete(vmid);
  await openflow.dropMeters(bridge, metersAt([portSecurity.ofport], new Set()), observed);
  // The port may be gone already, and its number with it.
  if (portSecurity.isolate) await openflow.setFlood(bridge, portSecurity.ofport, true).catch(() => undefined);
}

const deletion = (vmid: number) => `delete cookie=${cookieOf(vmid)}/-1`;

function hostMulticast(isolated: readonly number[]): string[] {
  const ports = [...new Set(isolated)];
  return ports.length === 0
    ? [deletion(0)]
    : [deletion(0), `add cookie=${cookieOf(0)},${hostMulticastFlow(ports)}`];
}

function isolatedExcept({ securityByVmid }: Remembered, vmids: readonly number[]): number[] {
  return [...securityByVmid]
    .filter(([vmid, { isolate }]) => isolate && !vmids.includes(vmid))
    .map(([, { ofport }]) => ofport);
}

function metersAt(ofports: readonly number[], desired: ReadonlySet<number>): number[] {
  const ids = ofports
    .filter((ofport) => ofport > 0)
    .flatMap((ofport) => [meterId(ofport, 'in'), meterId(ofport, 'out')]);
  return [...new Set(ids)].filter((id) => !desired.has(id));
}

/** Changes of one bridge one after the other: each begins with what the one before left. */
function serialised() {
  const last = new Map<string, Promise<unknown>>();
  return <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work, work);
    last.set(
      key,
      turn.catch(() => undefined),
    );
    return turn;
  };
}
