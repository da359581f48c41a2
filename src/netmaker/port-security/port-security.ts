// Puts the flows of guarded ports on a bridge, reads them back and takes them off.

import type { Exec } from '../../core/lib/exec.ts';
import { announcements } from './announcement.ts';
import { flowsOf, hostMulticastFlow } from './flows.ts';
import { type InstalledGuard, markOf, multicastPorts } from './installed.ts';
import { meterId, metersOf } from './meters.ts';
import { type OpenFlow, openOpenFlow, type Remembered } from './openflow.ts';
import { cookieOf } from './pipeline.ts';
import type { GuardedPort } from './port.ts';

export { digestOf, type InstalledGuard } from './installed.ts';
export type { GuardedPort } from './port.ts';

export interface Isolation {
  /**
   * Replaces the port's flows in one atomic bundle; its counters begin anew. Flows of another VMID that are for the
   * same OpenFlow port go, for the number has a new holder. Throws `flows-refused`, `bad-argument`.
   */
  install(port: GuardedPort): Promise<void>;
  /** Takes the port's flows and meters off; none is fine. Throws `flows-refused`, also when there is no such bridge. */
  remove(bridge: string, vmid: number): Promise<void>;
  /** By VMID, what is there now. Nothing of it survives a restart of ovs-vswitchd. Throws `flows-refused`. */
  installed(bridge: string): Promise<ReadonlyMap<number, InstalledGuard>>;
  /**
   * Tells the host, the neighbours and the uplink that `mac`, behind this port, has the addresses, as if the guest had
   * said so. Throws `flows-refused`, `bad-argument`.
   */
  announce(bridge: string, ofport: number, mac: string, addresses: readonly string[]): Promise<void>;
}

export function openIsolation(exec: Exec): Isolation {
  const openflow = openOpenFlow(exec);
  const inTurn = serialised();
  /** What the last look and our own changes since say, by bridge: a container that starts waits for every look. */
  const remembered = new Map<string, Remembered>();
  const recall = async (bridge: string): Promise<Remembered> => {
    const known = remembered.get(bridge);
    if (known !== undefined) return known;
    const [{ guards }, meters] = await Promise.all([openflow.dump(bridge), openflow.meterIds(bridge)]);
    const fresh = { guards: new Map(guards), meters };
    remembered.set(bridge, fresh);
    return fresh;
  };
  /** Somebody else may have changed what is remembered, or ovs-vswitchd was started anew. */
  const lookingAgain = async (bridge: string, work: () => Promise<void>): Promise<void> => {
    const isRemembered = remembered.has(bridge);
    try {
      await work();
    } catch (error) {
      remembered.delete(bridge);
      if (!isRemembered) throw error;
      await work();
    }
  };

  return {
    install: (port) =>
      inTurn(port.bridge, () =>
        lookingAgain(port.bridge, () => installNow(openflow, port, () => recall(port.bridge))),
      ),

    remove: (bridge, vmid) =>
      inTurn(bridge, () =>
        lookingAgain(bridge, () => removeNow(openflow, bridge, vmid, () => recall(bridge))),
      ),

    async installed(bridge) {
      const { flows, guards } = await openflow.dump(bridge);
      const known = remembered.get(bridge)?.guards;
      const isSame =
        known?.size === guards.size &&
        [...guards].every(([vmid, { ofport }]) => known.get(vmid)?.ofport === ofport);
      if (!isSame) remembered.delete(bridge);
      const isolated = [...guards].filter(([, { isolate }]) => isolate);
      if (isolated.length > 0) {
        const reached = multicastPorts(flows);
        const unflooded = await openflow.unflooded(bridge);
        for (const [, guard] of isolated)
          if (!reached.has(guard.ofport) || !unflooded.has(guard.ofport)) guard.digest = '';
      }
      return new Map([...guards].map(([vmid, { isolate: _, ...guard }]) => [vmid, guard]));
    },

    async announce(bridge, ofport, mac, addresses) {
      const lines = addresses
        .flatMap((address) => announcements(mac, address))
        .map((frame) => `packet-out in_port=${ofport},packet=${frame.toString('hex')},actions=NORMAL\n`);
      await openflow.send(bridge, lines);
    },
  };
}

async function installNow(
  openflow: OpenFlow,
  port: GuardedPort,
  recall: () => Promise<Remembered>,
): Promise<void> {
  const { bridge, vmid, ofport } = port;
  const lines = [...flowsOf(port), markOf(port)].map((flow) => `add cookie=${cookieOf(vmid)},${flow}`);
  const seen = await recall();
  const former = [...seen.guards].filter(([other, guard]) => other === vmid || guard.ofport === ofport);
  const meters = metersOf(port);
  await openflow.setMeters(bridge, meters, seen);
  if (port.guard.isolate) await openflow.setFlood(bridge, ofport, false);
  const gone = former.map(([other]) => other);
  const others = isolatedExcept(seen, gone);
  await openflow.bundle(bridge, [
    ...new Set([vmid, ...gone].map(deletion)),
    ...lines,
    ...hostMulticast(port.guard.isolate ? [...others, ofport] : others),
  ]);
  for (const other of gone) seen.guards.delete(other);
  seen.guards.set(vmid, { ofport, isolate: port.guard.isolate });
  const wanted = new Set(meters.map(({ id }) => id));
  const ofports = [ofport, ...former.map(([, guard]) => guard.ofport)];
  await openflow.dropMeters(bridge, metersAt(ofports, wanted), seen);
  if (!port.guard.isolate && former.some(([, guard]) => guard.isolate && guard.ofport === ofport))
    await openflow.setFlood(bridge, ofport, true);
}

async function removeNow(
  openflow: OpenFlow,
  bridge: string,
  vmid: number,
  recall: () => Promise<Remembered>,
): Promise<void> {
  const seen = await recall();
  const guard = seen.guards.get(vmid);
  if (guard === undefined) return;
  await openflow.bundle(bridge, [deletion(vmid), ...hostMulticast(isolatedExcept(seen, [vmid]))]);
  seen.guards.delete(vmid);
  await openflow.dropMeters(bridge, metersAt([guard.ofport], new Set()), seen);
  // The port may be gone already, and its number with it.
  if (guard.isolate) await openflow.setFlood(bridge, guard.ofport, true).catch(() => undefined);
}

const deletion = (vmid: number) => `delete cookie=${cookieOf(vmid)}/-1`;

function hostMulticast(isolated: readonly number[]): string[] {
  const ports = [...new Set(isolated)];
  return ports.length === 0
    ? [deletion(0)]
    : [deletion(0), `add cookie=${cookieOf(0)},${hostMulticastFlow(ports)}`];
}

function isolatedExcept({ guards }: Remembered, vmids: readonly number[]): number[] {
  return [...guards]
    .filter(([vmid, { isolate }]) => isolate && !vmids.includes(vmid))
    .map(([, { ofport }]) => ofport);
}

function metersAt(ofports: readonly number[], wanted: ReadonlySet<number>): number[] {
  const ids = ofports
    .filter((ofport) => ofport > 0)
    .flatMap((ofport) => [meterId(ofport, 'in'), meterId(ofport, 'out')]);
  return [...new Set(ids)].filter((id) => !wanted.has(id));
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
