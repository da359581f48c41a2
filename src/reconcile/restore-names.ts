// Gives Proxmox's NICs back under Proxmox's names, many in one transaction: at a stop for good, and before Proxmox needs them.

import type { SwitchDriver } from '../core/drivers/driver.ts';
import { observePorts } from '../core/drivers/ovsdb/observe.ts';
import { parseGuestInterface } from '../core/guest/interface-name.ts';
import { factsOfGuest } from '../core/guest/runtimes.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { pause } from '../core/lib/deadline.ts';
import { isAgentError } from '../core/lib/errors.ts';
import type { JsonObject } from '../core/lib/json.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { DriverName } from '../core/plan/driver-names.ts';
import { type ObservedPort, OWNER_KEYS } from '../core/plan/observed.ts';
import { isOurPort } from '../core/plan/ownership.ts';
import type { StepAction } from '../core/plan/steps.ts';
import type { DesiredState } from '../state/desired-state.ts';
import { STEPS } from './step-actions.ts';

/** Ports in one transaction; what OVSDB refuses then concerns no more than these. */
const BATCH = 50;
/** Somebody else's transaction was first, and the replica tells what it changed; Proxmox is about to look. */
const RETRY_MS = 5;

export interface RestoreNamesParts {
  ovsdb: Pick<OvsdbClient, 'replica'>;
  drivers: Readonly<Record<string, Pick<SwitchDriver, 'name' | 'restoreNames'>>>;
  ledger: Pick<Ledger, 'append'>;
  /** What readers of the binding files are to know. */
  onNameRestored: (port: string, row: string, driver: DriverName) => Promise<void>;
}

/** A driver that gives names back; one whose program goes on without us does not. */
type Restorer = Pick<Required<SwitchDriver>, 'name' | 'restoreNames'>;

interface AllParts extends RestoreNamesParts {
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Height of the block that led here; undefined when the ledger cannot be written. */
  cause: number | undefined;
}

/**
 * Does not wait for ovs-vswitchd: Proxmox looks for a row's name, and with hundreds of ports systemd would not wait. Goes
 * on without a ledger, since a NIC that Proxmox cannot find is worse than a step that is missing there. Ports that a
 * program keeps stay: it goes on without us. Throws what stands in the way of the last batch.
 */
export async function restoreAllNames(parts: AllParts): Promise<void> {
  const { linkNames, cause } = parts;
  const links = await linkNames();
  let problem: unknown;
  for (const restorer of restorersOf(parts.drivers)) {
    const held = proxmoxNics(parts, restorer, (port) => links.has(port.interface));
    for (let start = 0; start < held.length; start += BATCH) {
      const batch = held.slice(start, start + BATCH);
      try {
        await restoreNames(parts, restorer, () => batch, cause === undefined ? undefined : { cause });
      } catch (error) {
        problem = error;
      }
    }
  }
  if (problem !== undefined) throw problem;
}

/**
 * All NICs of one guest, because of something that is no block in the ledger: the intent itself says what. Proxmox is a
 * few milliseconds from looking for its names, so the intent is on its way to the disk before OVSDB is asked, but nobody
 * waits until it is there. True when there were any NICs. Throws what OVSDB said to the second try.
 */
export async function restoreGuestNames(
  parts: RestoreNamesParts,
  vmid: number,
  reason: string,
): Promise<boolean> {
  let isAny = false;
  for (const restorer of restorersOf(parts.drivers)) {
    const nics = () =>
      proxmoxNics(parts, restorer, (port) => parseGuestInterface(port.interface)?.vmid === vmid);
    if (nics().length === 0) continue;
    isAny = true;
    await restoreNames(parts, restorer, nics, { vmid, reason }, { tries: 2, waitsForDisk: false });
  }
  return isAny;
}

/** @param recorded undefined when the ledger cannot be written */
async function restoreNames(
  { ledger, onNameRestored }: RestoreNamesParts,
  { name: driver, restoreNames: giveBack }: Restorer,
  nics: () => readonly ObservedPort[],
  recorded: { cause?: number; vmid?: number; reason?: string } | undefined,
  { tries, waitsForDisk }: { tries: number; waitsForDisk: boolean } = { tries: 1, waitsForDisk: true },
): Promise<void> {
  const ports = nics().map(({ port, interface: row }) => ({ port, row }));
  const write = (action: StepAction, kind: string, cause: number | undefined, more: JsonObject = {}) =>
    ledger
      .append(
        entryOf(STEPS, {
          action,
          data: { ports, ...more },
          metadata: { kind },
          ...(cause !== undefined && { cause }),
        }),
      )
      .then(
        ({ height }) => height,
        () => undefined,
      );
  const { cause, ...why } = recorded ?? {};
  const begun = recorded && write('port_hand_back', 'intent', cause, why);
  if (waitsForDisk) await begun;
  const outcome = async (action: StepAction, more: JsonObject) => {
    const intent = await begun;
    if (intent !== undefined) await write(action, 'outcome', intent, { ...why, ...more });
  };
  for (let left = tries - 1; ; left--) {
    try {
      await giveBack(nics());
      break;
    } catch (error) {
      if (left > 0 && isAgentError(error, 'ovsdb-refused')) {
        await pause(RETRY_MS);
        continue;
      }
      await outcome('port_hand_back_failed', { error: String(error) });
      throw error;
    }
  }
  await outcome('port_handed_back', { driver });
  for (const { port, row } of ports) await onNameRestored(port, row, driver);
}

/** @param now milliseconds of the epoch */
export function noteRestoredName(
  desiredState: DesiredState,
  now: () => number,
): RestoreNamesParts['onNameRestored'] {
  return async (port, row, driver) => {
    const desiredGuest = desiredState.ofPort(port);
    const desired = desiredGuest?.ports.find((desiredPort) => desiredPort.port === port);
    if (desiredGuest && desired)
      await desiredState.bind({ ...desired, row }, desiredGuest.key, driver, new Date(now()));
  };
}

const restorersOf = (drivers: RestoreNamesParts['drivers']): Restorer[] =>
  Object.values(drivers).flatMap(({ name, restoreNames }) => (restoreNames ? [{ name, restoreNames }] : []));

function proxmoxNics(
  { ovsdb }: Pick<RestoreNamesParts, 'ovsdb'>,
  { name }: Restorer,
  isAsked: (port: ObservedPort) => boolean,
): ObservedPort[] {
  return observePorts(ovsdb.replica).filter(
    (port) => port.driver === name && isProxmoxNic(port) && isAsked(port),
  );
}

function isProxmoxNic(found: ObservedPort): boolean {
  const { port, row, externalIds, interface: link } = found;
  const isProxmoxs = factsOfGuest(externalIds[OWNER_KEYS.runtime] ?? '')?.looksForDeviceName === true;
  const isUnderOurName = row === port && parseGuestInterface(link) !== undefined;
  return isOurPort(found) && isProxmoxs && isUnderOurName;
}
