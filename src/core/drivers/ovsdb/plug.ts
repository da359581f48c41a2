// Puts a device that is on no bridge into a port, in the place of former rows of ours.

import { linkMtu } from '../../kernel/links.ts';
import { AgentError } from '../../lib/errors.ts';
import type { OvsdbClient } from '../../ovsdb/client.ts';
import type { DesiredPort } from '../../plan/desired.ts';
import { isOurs, type ObservedPort } from '../../plan/observed.ts';
import { externalIdsOf } from '../../plan/owner.ts';
import { isOurPort } from '../../plan/ownership.ts';
import type { PortOutcome } from '../driver.ts';
import { observePorts } from './observe.ts';
import { type OvsdbDriverParts, transact } from './parts.ts';
import { insertPort } from './port-rows.ts';
import { usablePort } from './usable.ts';

/** As `SwitchDriver.attach`. */
export async function attachPort(
  { ovsdb, bootId }: OvsdbDriverParts,
  desired: DesiredPort,
): Promise<PortOutcome> {
  const row = desired.row ?? desired.port;
  const ids = externalIdsOf(desired, bootId);
  const desiredPort = withMtu(desired, await linkMtu(desired.bridge));
  const attempts = await transact(ovsdb, () => {
    const bridge = ovsdb.replica.named('Bridge', desired.bridge);
    if (bridge === undefined) {
      throw new AgentError('bridge-missing', `There is no OVS bridge ${desired.bridge}`);
    }
    return insertPort(desiredPort, bridge.uuid, formerRows(ovsdb, desired, row), ids);
  });
  return { driver: 'ovsdb', ofport: await usablePort(ovsdb, row, desired.interface), attempts };
}

/** The rows that a new port replaces, all of them ours. */
function formerRows({ replica }: OvsdbClient, { interface: link }: DesiredPort, row: string): ObservedPort[] {
  const former = observePorts(replica).filter((port) => port.interface === link || port.row === row);
  const foreign = former.find((port) =>
    port.interface === link ? !isOurs(port.externalIds) : !isOurPort(port),
  );
  if (foreign === undefined) return former;
  throw new AgentError('name-taken', `Somebody else has plugged ${link} as ${foreign.row} meanwhile`);
}

/** The bridge's, as Proxmox asks for: the smallest MTU among its ports becomes the bridge's own. */
function withMtu(desired: DesiredPort, bridgeMtu: number | undefined): DesiredPort {
  return bridgeMtu === undefined ? desired : { ...desired, mtu: bridgeMtu };
}
