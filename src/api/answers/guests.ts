// What `DescribeGuests` answers: every guest that runs or should have a port, a row for each NIC.

import { z } from 'zod';

export const guestsSchema = z.array(
  z.looseObject({
    port: z.string().nullable(),
    row: z.string().optional(),
    guest: z.string(),
    vmid: z.number().nullable(),
    nic: z.number().nullish(),
    runtime: z.string(),
    id: z.string().optional(),
    bridge: z.string().nullable(),
    interface: z.string().optional(),
    driver: z.string().optional(),
    since: z.string().optional(),
    address: z.string().optional(),
    state: z.string().default('attached'),
    reason: z.string().nullish(),
    mac: z.string().optional(),
    vlan: z.string().optional(),
    ofport: z.number().optional(),
    mtu: z.number().optional(),
    rx: z.number().optional(),
    tx: z.number().optional(),
    health: z.string().nullish(),
    addresses: z.array(z.string()).optional(),
    /** Of the error that `reason` tells of. */
    code: z.string().optional(),
  }),
);

export type GuestRow = z.infer<typeof guestsSchema>[number];
