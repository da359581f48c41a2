// What the methods about ports answer.

import { z } from 'zod';

/** `DescribePorts`: the ports of guests that run. */
export const portsSchema = z.array(
  z.looseObject({
    port: z.string(),
    /** Name of the row in OVSDB. */
    row: z.string(),
    guest: z.string(),
    vmid: z.number(),
    nic: z.number(),
    runtime: z.string(),
    bridge: z.string(),
    interface: z.string(),
    driver: z.string(),
    /** RFC 3339. */
    since: z.string(),
    /** The first of `addresses`, which a container was given. */
    address: z.string().optional(),
    addresses: z.array(z.string()).optional(),
    /** `ok`, or what is wrong first. */
    health: z.string(),
  }),
);

const byHand = z.looseObject({
  port: z.string(),
  interface: z.string(),
  bridge: z.string(),
  vmid: z.number().optional(),
  nic: z.number().optional(),
  container: z.string().optional(),
});

/** `AttachInterface`: the port that a device became. */
export const attachedSchema = byHand.extend({
  vlan: z
    .looseObject({
      tag: z.number().optional(),
      trunks: z.array(z.number()),
      mode: z.string().optional(),
    })
    .optional(),
  /** Bytes. */
  mtu: z.number().optional(),
});

/** `DetachInterface`: the port that is gone. */
export const detachedSchema = byHand;
