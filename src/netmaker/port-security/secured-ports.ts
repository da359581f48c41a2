// The rules of secured ports: puts them on the switch, and remembers which are there.

import { observePorts } from '../../core/drivers/ovsdb/observe.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { OvsdbClient } from '../../core/ovsdb/client.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import type { Observed, ObservedPortSecurity } from '../../core/plan/observed.ts';
import type { PortSecurity } from '../../core/plan/port-security.ts';
import type { Counts } from './counts.ts';
import { openDropCounts } from './drop-counts.ts';
import { digestOf, type PortSecurityRules, type SecuredPort } from './port-security.ts';

export interface SecuredPorts {
  /** What is there, as far as it is known: `refresh` looks again. */
  all: () => Observed['portSecurity'];
  /** Returns the port's OpenFlow number. Throws `flows-refused`, `port-not-usable`. */
  secure(desired: DesiredPort, secure: PortSecurity): Promise<number>;
  unsecure(bridge: string, vmid: number): Promise<void>;
  /** Tells the neighbours of a port that these addresses are behind it now, and have this MAC. */
  announce(desired: DesiredPort, mac: string, addresses: readonly string[]): Promise<void>;
  digest: (desired: DesiredPort, secure: PortSecurity, ofport: number) => string;
  /** Asks the switch: rules go with a restart of ovs-vswitchd, or by foreign hands. */
  refresh(bridges: Iterable<string>): Promise<void>;
  /** Packets dropped, by VMID, while the guest lives; rules that are made anew go on counting. */
  counters(bridge: string): Promise<ReadonlyMap<number, Counts>>;
}

/** @param uplink the device that mode `l2` has in the bridge */
export function openSecuredPorts(
  rules: PortSecurityRules,
  ovsdb: OvsdbClient,
  uplink: string | undefined,
): SecuredPorts {
  let present = new Map<number, ObservedPortSecurity>();
  /** What was put there after a look began is newer than the look. */
  let changes = 0;
  const counts = openDropCounts();
  const read = (bridge: string) => counts.during(() => rules.installed(bridge));

  const { ofportOf, guarded: securedPort } = openflowPorts(ovsdb, uplink);
  /** A container's first start has nothing to carry over, and does not wait for a look. */
  const countedBy = async (
    former: ObservedPortSecurity | undefined,
    vmid: number,
  ): Promise<Counts | undefined> => {
    if (former === undefined) return undefined;
    const found = await rules.installed(former.bridge).catch(() => undefined);
    return found?.get(vmid);
  };
  const digest: SecuredPorts['digest'] = (desired, portSecurity, ofport) =>
    digestOf(securedPort(desired, portSecurity, ofport));

  return {
    all: () => present,
    digest,
    async secure(desired, portSecurity) {
      const ofport = ofportOf(desired);
      const former = present.get(desired.guest.vmid);
      const port = securedPort(desired, portSecurity, ofport);
      await counts.across(
        port.vmid,
        desired.guest.id ?? desired.guest.name,
        () => countedBy(former, port.vmid),
        async () => {
          if (former !== undefined && former.bridge !== desired.bridge) {
            await rules.remove(former.bridge, port.vmid);
          }
          await rules.install(port);
        },
      );
      changes++;
      const { bridge } = desired;
      present.set(desired.guest.vmid, { bridge, ofport, digest: digest(desired, portSecurity, ofport) });
      return ofport;
    },
    async unsecure(bridge, vmid) {
      await counts.until(vmid, async () => {
        // With its bridge go the rules.
        if (ovsdb.replica.named('Bridge', bridge) !== undefined) await rules.remove(bridge, vmid);
      });
      changes++;
      present.delete(vmid);
    },
    async announce(desired, mac, addresses) {
      const ofport = ofportOf(desired);
      await rules.announce(desired.bridge, ofport, mac, addresses);
    },
    async refresh(bridges) {
      for (let attempt = 0; attempt < 3; attempt++) {
        const before = changes;
        const found = new Map<number, ObservedPortSecurity>();
        for (const bridge of new Set([...bridges, ...[...present.values()].map((entry) => entry.bridge)])) {
          if (ovsdb.replica.named('Bridge', bridge) === undefined) continue;
          for (const [vmid, { ofport, digest: seen }] of await read(bridge)) {
            found.set(vmid, { bridge, ofport, digest: seen });
          }
        }
        if (before !== changes) continue;
        present = found;
        return;
      }
    },
    async counters(bridge) {
      const found = await read(bridge);
      return new Map([...found].map(([vmid, now]) => [vmid, counts.of(vmid) ?? now]));
    },
  };
}

/** What the switch calls ports, by OVSDB. */
function openflowPorts(ovsdb: OvsdbClient, uplink: string | undefined) {
  const ofportOf = ({ port, row = port }: DesiredPort): number => {
    const ofport = observePorts(ovsdb.replica).find((found) => found.row === row)?.ofport;
    if (ofport !== undefined && ofport > 0) return ofport;
    throw new AgentError('port-not-usable', `${port} has no OpenFlow number yet`);
  };
  const uplinkOn = (bridge: string): number | undefined =>
    observePorts(ovsdb.replica).find((port) => port.interface === uplink && port.bridge === bridge)?.ofport;
  const securedPort = (desired: DesiredPort, portSecurity: PortSecurity, ofport: number): SecuredPort => {
    const number = uplinkOn(desired.bridge);
    return {
      bridge: desired.bridge,
      vmid: desired.guest.vmid,
      ofport,
      portSecurity,
      ...(number !== undefined && number > 0 && { uplink: number }),
    };
  };
  return { ofportOf, guarded: securedPort };
}
