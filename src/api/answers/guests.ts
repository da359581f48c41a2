// What `DescribeGuests` answers: every guest that runs or should have a port, a row for each NIC. Descriptions are the tables
// of docs/dbus.md.

import { z } from 'zod';
import { DRIVER_WORDS, RUNTIME_WORDS } from './words.ts';

export const guestsSchema = z.array(
  z.looseObject({
    port: z.string().nullable().describe('name of the port; `null` where the guest gets none'),
    row: z
      .string()
      .optional()
      .describe("name of its row in OVSDB, which is the device's while Proxmox looks for that"),
    guest: z.string().describe('name of the guest'),
    vmid: z.number().nullable().describe('its VMID; `null` where it has none'),
    nic: z.number().nullish().describe('number of the NIC, from 0; `null` for the guest as a whole'),
    runtime: z.string().describe(RUNTIME_WORDS),
    id: z.string().optional().describe("Docker's id of the container; only Docker has one"),
    bridge: z.string().nullable().describe('name of the bridge'),
    interface: z.string().optional().describe('device of the host that the NIC ends in'),
    driver: z.string().optional().describe(`who changes the port: ${DRIVER_WORDS}`),
    since: z.string().optional().describe('when the port became usable, RFC 3339'),
    address: z.string().optional().describe('the first of `addresses`'),
    state: z
      .string()
      .default('attached')
      .describe(
        '`attached`; `unknown`: OVSDB does not answer; `waiting`: it is tried again; `held`: its device vanishes again and again, so it is made anew ever less often; `skipped`: it gets none, for `reason`; `unattached`: it has none',
      ),
    reason: z.string().nullish().describe('why it has no port, or what is wrong with it'),
    mac: z.string().optional().describe('MAC address of the device, as Open vSwitch has it'),
    vlan: z.string().optional().describe('`20`; with trunks `20 + 30,40`; empty without a VLAN'),
    ofport: z.number().optional().describe('OpenFlow number of the port'),
    mtu: z.number().optional().describe('MTU of the device, in bytes'),
    rx: z.number().optional().describe('bytes that the switch got from the guest'),
    tx: z.number().optional().describe('bytes that the switch sent to the guest'),
    health: z.string().nullish().describe('`ok`, or what is wrong; `null` without a port'),
    addresses: z
      .array(z.string())
      .optional()
      .describe('the addresses that the agent gave the container, with prefix length'),
    code: z.string().optional().describe('[code](errors.md) of the error that `reason` tells of'),
  }),
);

export type GuestRow = z.infer<typeof guestsSchema>[number];
