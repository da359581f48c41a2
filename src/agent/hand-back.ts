// At a stop for good: gives Proxmox's cards back under Proxmox's names, which nobody would do later.

import { parseGuestInterface } from '../core/guest/interface-name.ts';
import type { JsonObject } from '../core/json.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { handBackPorts } from '../core/ovsdb/move-interface.ts';
import { observePorts } from '../core/ovsdb/observe.ts';
import { type ObservedPort, OWNER_KEYS } from '../core/plan/observed.ts';
import { isOurPort } from '../core/plan/ownership.ts';

/** Ports in one transaction; what OVSDB refuses then concerns no more than these. */
const BATCH = 50;

export interface HandBackParts {
  ovsdb: OvsdbClient;
  ledger: Pick<Ledger, 'append'>;
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Height of the block that led here; undefined when the ledger cannot be written. */
  cause: number | undefined;
  /** What readers of the binding files are to know. */
  onHandedBack: (port: string, row: string) => Promise<void>;
}

/**
 * Does not wait for ovs-vswitchd: Proxmox looks for a row's name, and with hundreds of ports systemd would not wait. Goes
 * on without a ledger, since a card that Proxmox cannot find is worse than a step that is missing there. Ports that
 * NetworkManager holds stay: it goes on without us. Throws what stands in the way of the last batch.
 */
export async function handBackAll(parts: HandBackParts): Promise<void> {
  const { ovsdb, ledger, linkNames, cause } = parts;
  const links = await linkNames();
  const held = observePorts(ovsdb.replica).filter((port) => isProxmoxCard(port) && links.has(port.interface));
  let problem: unknown;
  for (let start = 0; start < held.length; start += BATCH) {
    const batch = held.slice(start, start + BATCH);
    const ports = batch.map(({ port, interface: row }) => ({ port, row }));
    const write = (action: string, kind: string, because: number | undefined, more: JsonObject = {}) =>
      because === undefined
        ? undefined
        : ledger
            .append({
              category: 'port',
              action,
              data: { ports, ...more },
              cause: because,
              metadata: { kind },
            })
            .then(
              ({ height }) => height,
              () => undefined,
            );
    const intent = await write('port_hand_back', 'intent', cause);
    try {
      await ovsdb.transact(handBackPorts(ovsdb.replica, batch));
      await write('port_handed_back', 'outcome', intent, { driver: 'ovsdb' });
      for (const { port, row } of ports) await parts.onHandedBack(port, row);
    } catch (error) {
      problem = error;
      await write('port_hand_back_failed', 'outcome', intent, { error: String(error) });
    }
  }
  if (problem !== undefined) throw problem;
}

function isProxmoxCard(found: ObservedPort): boolean {
  const { port, row, driver, externalIds, interface: link } = found;
  const isProxmoxs = externalIds[OWNER_KEYS.runtime]?.startsWith('proxmox') === true;
  const isUnderOurName = row === port && parseGuestInterface(link) !== undefined;
  return driver === 'ovsdb' && isOurPort(found) && isProxmoxs && isUnderOurName;
}
