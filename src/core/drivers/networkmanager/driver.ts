// The switch driver that works through NetworkManager: it acts on one step and decides nothing.

import { NM_UUID_KEY } from '../../plan/observed.ts';
import type { SwitchDriver } from '../driver.ts';
import { createBridge, restoreBridge } from './bridges.ts';
import { guestProfiles } from './guest-profiles.ts';
import { type DriverParts, dropProfiles } from './parts.ts';
import { adoptPort, attachPort, detachPort, uuidsOf } from './ports.ts';
import { profileUuid } from './profiles.ts';

export function networkManagerDriver(parts: DriverParts): SwitchDriver {
  const { networkManager, rows } = parts;
  return {
    name: 'networkmanager',
    owns: ({ name, externalIds }) => externalIds[NM_UUID_KEY] === profileUuid('bridge', name),
    isHeld(desired, { externalIds, interfaceExternalIds }) {
      const uuids = uuidsOf(desired.bridge, desired.port);
      return externalIds[NM_UUID_KEY] === uuids.port && interfaceExternalIds[NM_UUID_KEY] === uuids.interface;
    },
    profiles: () => guestProfiles(networkManager),
    dropProfiles: (uuids) => dropProfiles(networkManager, uuids),
    createBridge: (spec) => createBridge(parts, spec),
    restoreBridge: (spec) => restoreBridge(parts, spec),
    attach: (desired) => attachPort(parts, desired),
    adopt: (desired, from) => adoptPort(parts, desired, from),
    detach: (port) => detachPort(parts, port),
    mark: rows.mark,
    release: rows.release,

    async restoreName(desired, from) {
      // NetworkManager takes its row along when it lets go; the NIC is without a port for that moment.
      await detachPort(parts, from);
      return rows.attach(desired);
    },
  };
}
