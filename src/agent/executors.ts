// The table from kinds of steps to what does them; each entry acts and decides nothing.

import type { Config } from '../core/config/config.ts';
import { AgentError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Veths } from '../core/kernel/veth.ts';
import type { BridgeWish, SwitchDriver } from '../core/networkmanager/driver.ts';
import type { Executors } from '../core/plan/steps.ts';

export interface ExecutorParts {
  config: Config;
  driver: SwitchDriver;
  veths: Veths;
}

/** Each executor returns what the outcome block should say beyond the step itself. */
export function executors({ config, driver, veths }: ExecutorParts): Executors<JsonObject> {
  const wishFor = (bridge: string): BridgeWish => {
    const wish = config.bridges[bridge];
    if (wish === undefined) throw new AgentError('bad-config', `There is no [bridges.${bridge}]`);
    return { bridge, datapathType: wish.datapath_type, addresses: wish.addresses };
  };

  return {
    async create_bridge({ bridge }) {
      const made = await driver.createBridge(wishFor(bridge));
      return { driver: driver.name, datapath_type: made.datapathType };
    },
    async restore_bridge({ bridge }) {
      const wish = wishFor(bridge);
      await driver.restoreBridge(wish);
      return { driver: driver.name, addresses: [...wish.addresses] };
    },
    async create_veth({ desired, veth }) {
      await veths.create(desired.interface, veth);
      return {};
    },
    async configure_guest({ veth, offload }) {
      await veths.configure(veth, offload);
      return { tx_offload: offload ? 'off' : 'unchanged' };
    },
    async disable_offload({ desired, peer }) {
      return { guest_interface: await veths.disableOffload(desired.interface, peer) };
    },
    async attach_port({ desired }) {
      const outcome = await driver.attach(desired);
      return { driver: driver.name, ofport: outcome.ofport, attempts: outcome.attempts };
    },
    async adopt_port({ desired, from }) {
      const outcome = await driver.adopt(desired, from);
      return { driver: driver.name, ofport: outcome.ofport, attempts: outcome.attempts };
    },
    async detach_port({ port }) {
      await driver.detach(port);
      return { driver: driver.name };
    },
    async drop_profiles({ uuids }) {
      await driver.dropProfiles(uuids);
      return { driver: driver.name };
    },
    async delete_veth({ interface: outer }) {
      await veths.remove(outer);
      return {};
    },
  };
}
