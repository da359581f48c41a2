// Where a port keeps the name that it was plugged with, because another name would harm its guest; pure.
//
// On a bridge with a spanning tree a port whose name changes is a new port, which first listens and learns: 3 s with RSTP,
// 30 s with STP, in which its guest is cut off (measured). So no port is renamed there, at no time: not when its guest starts,
// not when the agent stops, starts or steps aside.

import { factsOfGuest } from '../guest/runtimes.ts';
import type { DesiredPort } from './desired.ts';
import type { Observed } from './observed.ts';

/** The same ports, those that keep their names with the row's name. A NIC that we made ourselves has no other name. */
export function keepNames(
  desired: readonly DesiredPort[],
  { bridges, ports }: Pick<Observed, 'bridges' | 'ports'>,
): readonly DesiredPort[] {
  const isTree = (name: string) => bridges.get(name)?.spanningTree === true;
  if (!desired.some(({ bridge }) => isTree(bridge))) return desired;
  return desired.map((desiredPort) => {
    if (desiredPort.row !== undefined || desiredPort.veth !== undefined || !isTree(desiredPort.bridge))
      return desiredPort;
    // Proxmox looks for the name of the device; everybody else's port stays as it is.
    if (factsOfGuest(desiredPort.guest.runtime).looksForDeviceName)
      return { ...desiredPort, row: desiredPort.interface };
    const holder = ports.find(
      (port) => port.interface === desiredPort.interface && port.bridge === desiredPort.bridge,
    );
    return holder === undefined || holder.row === desiredPort.port
      ? desiredPort
      : { ...desiredPort, row: holder.row };
  });
}
