// Opens what the agent changes ports through: OVSDB, NetworkManager, a driver for each, and what a bridge's driver hangs on.

import type { Bus } from '../core/bus/bus.ts';
import type { Config } from '../core/config/config.ts';
import type { SwitchDrivers } from '../core/drivers/driver.ts';
import { networkManagerDriver } from '../core/drivers/networkmanager/driver.ts';
import { ovsdbDriver } from '../core/drivers/ovsdb/driver.ts';
import { bringUp } from '../core/kernel/addresses.ts';
import { makeDeaf } from '../core/kernel/own-interface.ts';
import { exec } from '../core/lib/exec.ts';
import { openNetworkManager } from '../core/networkmanager/networkmanager.ts';
import { openOvsdb } from '../core/ovsdb/client.ts';
import { keepSwitchFacts } from '../reconcile/switch-facts.ts';
import { PLACES } from './places.ts';

export interface SwitchParts {
  bus: Bus;
  bootId: string;
  /** The key `driver`. */
  configured: Config['driver'];
  noteUnreadable: (source: 'NetworkManager', problem: string) => void;
}

export async function openSwitch({ bus, bootId, configured, noteUnreadable }: SwitchParts) {
  const ovsdb = openOvsdb(PLACES.ovsdbSocket);
  const networkManager = await openNetworkManager(bus, (problem) =>
    noteUnreadable('NetworkManager', problem),
  );
  const rows = ovsdbDriver({ ovsdb, bootId, bringUp: (link, spec) => bringUp(exec, link, spec) });
  const drivers: SwitchDrivers = {
    networkmanager: networkManagerDriver({
      networkManager,
      ovsdb,
      rows,
      bootId,
      makeDeaf: (link, ipv6) => makeDeaf(exec, link, ipv6),
    }),
    ovsdb: rows,
  };
  const facts = keepSwitchFacts({ configured, networkManager, ovsdb });
  await facts.refresh();
  return { ovsdb, networkManager, drivers, facts };
}
