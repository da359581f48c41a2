// The table of ports; pure.

import { z } from 'zod';
import { table } from './table.ts';
import { shortTime } from './time.ts';

/** What `DescribePorts` answers, as far as people see it. */
export const portsSchema = z.array(
  z.looseObject({
    port: z.string(),
    /** Name of the row in OVSDB. */
    row: z.string().optional(),
    guest: z.string(),
    vmid: z.number(),
    nic: z.number().default(0),
    runtime: z.string(),
    bridge: z.string(),
    driver: z.string(),
    since: z.string(),
    address: z.string().optional(),
  }),
);

export type PortRow = z.infer<typeof portsSchema>[number];

/** Sorted by VMID and NIC; the columns ADDRESS and IN OVS AS are there when some port has something to say there. */
export function portTable(ports: readonly PortRow[], now: Date): string[] {
  if (ports.length === 0) return ['No ports. A guest gets one when it starts.'];
  const withAddress = ports.some((port) => port.address !== undefined);
  const withRow = ports.some(({ port, row }) => row !== undefined && row !== port);
  const sorted = [...ports].sort((a, b) => a.vmid - b.vmid || a.nic - b.nic);
  const head = ['PORT', 'GUEST', 'VMID', 'RUNTIME', 'BRIDGE', 'DRIVER', 'SINCE'];
  const rows = sorted.map((port) => [
    port.port,
    port.guest,
    String(port.vmid),
    port.runtime,
    port.bridge,
    port.driver,
    shortTime(port.since, now),
    ...(withRow ? [port.row ?? port.port] : []),
    ...(withAddress ? [port.address ?? '-'] : []),
  ]);
  const columns = [...head, ...(withRow ? ['IN OVS AS'] : []), ...(withAddress ? ['ADDRESS'] : [])];
  return table([columns, ...rows]);
}
