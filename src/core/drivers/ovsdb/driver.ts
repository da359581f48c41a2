// The switch driver that works in OVSDB itself, for bridges that NetworkManager does not own.

import { AgentError } from '../../lib/errors.ts';
import { isOurBridge } from '../../plan/observed.ts';
import { externalIdsOf } from '../../plan/owner.ts';
import { isOurPort } from '../../plan/ownership.ts';
import type { SwitchDriver } from '../driver.ts';
import { createBridge, restoreBridge } from './bridges.ts';
import { restoreNamesOf } from './move-interface.ts';
import { type OvsdbDriverParts, rowNamed, transact } from './parts.ts';
import { attachPort } from './plug.ts';
import { markPort, removePort } from './port-rows.ts';
import { adoptPort, moveToRow } from './rename.ts';

const GONE_MS = 5_000;

export function ovsdbDriver(parts: OvsdbDriverParts): SwitchDriver {
  const { ovsdb, bootId } = parts;
  return {
    name: 'ovsdb',
    owns: isOurBridge,
    isHeld: (desired, holder) => holder.row === (desired.row ?? desired.port) && isOurPort(holder),
    profiles: async () => [],
    dropProfiles: async () => undefined,
    createBridge: (spec) => createBridge(parts, spec),
    restoreBridge: (spec) => restoreBridge(parts, spec),
    attach: (desired) => attachPort(parts, desired),
    adopt: (desired, from) => adoptPort(parts, desired, from),
    restoreName: (desired, from) => moveToRow(parts, desired, from, desired.row ?? desired.interface),
    restoreNames: async (ports) => void (await ovsdb.transact(restoreNamesOf(ovsdb.replica, ports))),

    async detach(port) {
      await transact(ovsdb, () => {
        const found = rowNamed(ovsdb, port.row);
        return found?.portUuid === port.portUuid ? removePort(found) : undefined;
      });
      await ovsdb.until(`waiting for ${port.row} to leave OVSDB`, GONE_MS, (replica) =>
        replica.rows('Port').has(port.portUuid) ? undefined : true,
      );
    },

    async mark(desired, row) {
      const ids = externalIdsOf(desired, bootId);
      await transact(ovsdb, () => {
        const found = rowNamed(ovsdb, row.row);
        if (found === undefined) throw new AgentError('link-missing', `${row.row} has left the switch`);
        return markPort(found, ids);
      });
    },

    async release(port) {
      await transact(ovsdb, () => {
        const found = rowNamed(ovsdb, port.row);
        return found?.portUuid === port.portUuid ? markPort(found, {}) : undefined;
      });
      return { driver: 'ovsdb' };
    },
  };
}
