// What the methods about ports answer. Descriptions are the tables of docs/dbus.md.

import { z } from 'zod';
import { DRIVER_WORDS, RUNTIME_WORDS } from './words.ts';

/** `DescribePorts`: the ports of guests that run. */
export const portsSchema = z.array(
  z.looseObject({
    port: z.string().describe('name of the port, `vi<VMID>`, with `i<NIC>` for all but the first NIC'),
    row: z.string().describe('name of its row in OVSDB'),
    guest: z.string().describe('name of the guest'),
    vmid: z.number().describe('its VMID'),
    nic: z.number().describe('number of the NIC, from 0'),
    runtime: z.string().describe(RUNTIME_WORDS),
    bridge: z.string().describe('name of the bridge'),
    interface: z.string().describe('device of the host that the NIC ends in'),
    driver: z.string().describe(`who changes the port: ${DRIVER_WORDS}`),
    since: z.string().describe('when the port became usable, RFC 3339'),
    address: z.string().optional().describe('the first of `addresses`'),
    addresses: z
      .array(z.string())
      .optional()
      .describe('the addresses that the agent gave the container, with prefix length'),
    health: z.string().describe('`ok`, or the fault that `explain` would name first'),
  }),
);

const byHand = z.looseObject({
  port: z.string().describe('name of the port'),
  interface: z.string().describe('the device'),
  bridge: z.string().describe('name of the bridge'),
  vmid: z.number().optional().describe('VMID of the guest'),
  nic: z.number().optional().describe('number of the NIC, from 0'),
  container: z.string().optional().describe('name of the guest'),
});

/** `AttachInterface`: the port that a device became. */
export const attachedSchema = byHand.extend({
  vlan: z
    .looseObject({
      tag: z.number().optional().describe('VLAN of untagged frames'),
      trunks: z.array(z.number()).describe('VLANs that pass with their tag'),
      mode: z.string().optional().describe('`vlan_mode` of the row in OVSDB'),
    })
    .optional()
    .describe('the VLANs that were asked for'),
  mtu: z.number().optional().describe('the MTU that was asked for, in bytes'),
});

/** `DetachInterface`: the port that is gone. */
export const detachedSchema = byHand;
