// The table from kinds of steps to what does them; each entry acts and decides nothing.

import type { Config } from '../core/config/config.ts';
import type { BridgeSpec, PortOutcome, SwitchDrivers } from '../core/drivers/driver.ts';
import { factsOfGuest } from '../core/guest/runtimes.ts';
import { linkMtu } from '../core/kernel/links.ts';
import { withoutIpv6 } from '../core/kernel/own-interface.ts';
import type { Veths } from '../core/kernel/veth.ts';
import { AgentError } from '../core/lib/errors.ts';
import type { JsonObject } from '../core/lib/json.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Executors } from '../core/plan/steps.ts';
import type { SecuredPorts } from '../netmaker/port-security/secured-ports.ts';
import { bridgeSpec } from './bridge-spec.ts';

export interface ExecutorParts {
  config: Config;
  drivers: SwitchDrivers;
  veths: Veths;
  securedPorts: SecuredPorts;
}

/** Each executor returns what the outcome block should say beyond the step itself. */
export function executors({ config, drivers, veths, securedPorts }: ExecutorParts): Executors<JsonObject> {
  const bridgeSpecOf = (bridge: string): BridgeSpec => {
    const spec = bridgeSpec(config, bridge);
    if (spec === undefined) throw new AgentError('bad-config', `There is no [bridges.${bridge}]`);
    return spec;
  };

  return {
    async create_bridge({ bridge, driver }) {
      const made = await drivers[driver].createBridge(bridgeSpecOf(bridge));
      return { driver, datapath_type: made.datapathType };
    },
    async restore_bridge({ bridge, driver }) {
      const spec = bridgeSpecOf(bridge);
      await drivers[driver].restoreBridge(spec);
      return { driver, addresses: [...spec.addresses] };
    },
    async create_veth({ desired, veth, offload }) {
      const parked = desired.portSecurity === undefined ? undefined : { withoutOffload: offload };
      // A frame that the bridge takes and the container's NIC does not is lost without a word.
      const mtu = await linkMtu(desired.bridge);
      await veths.create(desired.interface, veth, parked, mtu);
      return mtu === undefined ? {} : { mtu };
    },
    async configure_guest({ desired, veth, offload }) {
      await veths.configure(desired.interface, veth, offload);
      return { tx_offload: offload ? 'off' : 'unchanged' };
    },
    async disable_offload({ desired, peer }) {
      return { guest_interface: await veths.disableOffload(desired.interface, peer) };
    },
    async attach_port({ desired, driver }) {
      closeHostEnd(desired);
      return outcome(await drivers[driver].attach(desired));
    },
    async adopt_port({ desired, from, driver }) {
      closeHostEnd(desired);
      return outcome(await drivers[driver].adopt(desired, from));
    },
    async mark_port({ desired, row }) {
      await drivers[row.driver].mark(desired, row);
      return { driver: row.driver };
    },
    async hand_back_port({ desired, from }) {
      const { driver } = from;
      const given = await drivers[driver].restoreName(desired, from);
      return given === 'taken' ? { driver, taken: true } : outcome(given);
    },
    guard_port: async ({ desired, portSecurity }) => ({
      ofport: await securedPorts.secure(desired, portSecurity),
    }),
    async unguard_port({ bridge, vmid }) {
      await securedPorts.unsecure(bridge, vmid);
      return {};
    },
    async announce_addresses({ desired, addresses }) {
      const { veth, peer } = desired;
      const mac = veth?.mac ?? (peer && (await veths.peerMac(desired.interface, peer)));
      if (mac === undefined) return {};
      await securedPorts.announce(desired, mac, addresses);
      return { mac };
    },
    async detach_port({ port }) {
      await drivers[port.driver].detach(port);
      return { driver: port.driver };
    },
    async release_port({ port }) {
      const { driver } = await drivers[port.driver].release(port);
      return { driver };
    },
    async drop_profiles({ driver, uuids }) {
      await drivers[driver].dropProfiles(uuids);
      return { driver };
    },
    async delete_veth({ interface: outer }) {
      await veths.remove(outer);
      return {};
    },
  };
}

/** What somebody else had plugged by hand is as they want it. */
function closeHostEnd({ guest, interface: link }: DesiredPort): void {
  if (factsOfGuest(guest.runtime).reportedBy !== 'person') withoutIpv6(link);
}

const outcome = ({ driver, ofport, attempts }: PortOutcome): JsonObject => ({
  driver,
  ofport,
  attempts,
});
