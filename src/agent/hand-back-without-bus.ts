// An agent that cannot come back for want of the bus gives Proxmox's NICs back: Proxmox changes, stops and starts them meanwhile.

import { stopKind } from '../core/bus/systemd.ts';
import { readStartError } from '../core/config/in-force.ts';
import { ovsdbDriver } from '../core/drivers/ovsdb/driver.ts';
import { bringUp } from '../core/kernel/addresses.ts';
import { readHost } from '../core/kernel/host.ts';
import { linkNames } from '../core/kernel/links.ts';
import { AgentError, isAgentError } from '../core/lib/errors.ts';
import { exec } from '../core/lib/exec.ts';
import type { Log } from '../core/lib/log.ts';
import { openOvsdb } from '../core/ovsdb/client.ts';
import { noteRestoredName, restoreAllNames } from '../reconcile/restore-names.ts';
import { loadDesiredState } from '../state/desired-state.ts';
import { PLACES } from './places.ts';

const OVSDB_MS = 2_000;

/**
 * Does nothing about a bus that was away for one start only, since names that go and come cost guests a millisecond; systemd
 * tries again after 0.3 s. Nothing of it gets into the ledger, which no agent holds open now: the next one records that it
 * takes the ports again. Never throws.
 */
export async function handBackWithoutBus(error: unknown, log: Log): Promise<void> {
  if (!isAgentError(error, 'bus-unreachable')) return;
  const failedBefore = (await readStartError(PLACES.runtime)) !== undefined;
  if (!failedBefore && (await stopKind()) !== 'stop') return;
  const ovsdb = openOvsdb(PLACES.ovsdbSocket);
  try {
    await ovsdb.until('OVSDB', OVSDB_MS, (replica) => replica.rows('Open_vSwitch').size || undefined);
    const desiredState = await loadDesiredState(PLACES.bindings, log.warning);
    const { bootId } = await readHost();
    const rows = ovsdbDriver({ ovsdb, bootId, bringUp: (link, spec) => bringUp(exec, link, spec) });
    const note = noteRestoredName(desiredState, Date.now);
    await restoreAllNames({
      ovsdb,
      drivers: { ovsdb: rows },
      ledger: { append: () => Promise.reject(new AgentError('ledger-write-failed', 'It is not open.')) },
      linkNames,
      cause: undefined,
      async onNameRestored(port, row, driver) {
        log.warning(`${port} is called ${row} while the bus is away`);
        await note(port, row, driver);
      },
    });
  } catch (problem) {
    log.error(`cards could not be given back: ${isAgentError(problem) ? problem.toLine() : String(problem)}`);
  } finally {
    await ovsdb.close();
  }
}
