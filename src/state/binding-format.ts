// What the file of one port in /run holds, and how it becomes what a guest asks for and back.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { GUEST_RUNTIMES, type Guest } from '../core/guest/guest.ts';
import { portName, vmidSchema } from '../core/guest/vmid.ts';
import { bridgeNameSchema, interfaceNameSchema } from '../core/lib/device-name-schemas.ts';
import type { DesiredPort } from '../core/plan/desired.ts';

const portSchema = z.object({
  port: z.string(),
  /** Name of the row in OVSDB when it is not `port`. */
  row: z.optional(interfaceNameSchema),
  interface: interfaceNameSchema,
  bridge: bridgeNameSchema,
  nic: z.number(),
  vlan: z
    .object({ tag: z.number().optional(), trunks: z.array(z.number()), mode: z.string().optional() })
    .optional(),
  veth: z
    .object({
      pid: z.number(),
      guestInterface: interfaceNameSchema,
      mac: z.string(),
      // Files of versions before 0.2 have `address` and `gateway`, which are found again from the container's labels.
      addresses: z.array(z.string()).default([]),
      gateways: z.array(z.string()).default([]),
      nameservers: z.array(z.string()).default([]),
      networks: z
        .array(z.object({ id: z.string(), addresses: z.array(z.string()), gateways: z.array(z.string()) }))
        .default([]),
    })
    .optional(),
  guard: z
    .object({
      mac: z.string(),
      addresses: z.array(z.string()),
      isolate: z.boolean(),
      allowIn: z.array(z.string()),
      rateIn: z.number().optional(),
      rateOut: z.number().optional(),
    })
    .optional(),
  why: z.string().optional(),
  group: z.string().optional(),
  shared: z.array(z.string()).optional(),
  published: z
    .array(
      z.object({
        port: z.string(),
        address: z.string(),
        inside: z.string().optional(),
        mac: z.string().optional(),
        allowIn: z.array(z.string()),
      }),
    )
    .optional(),
  peer: z.object({ pid: z.number() }).optional(),
  mtu: z.number().optional(),
});
export const bindingSchema = portSchema.extend({
  key: z.string(),
  vmid: vmidSchema,
  runtime: z.enum(GUEST_RUNTIMES),
  guest: z.string(),
  id: z.string().optional(),
  /** When the port became usable, RFC 3339; absent until then. */
  since: z.string().optional(),
  driver: z.string().optional(),
  /** The kernel's index of the device it is about: another device of the same name has another one. */
  ifindex: z.number().optional(),
});
export type BindingFile = z.infer<typeof bindingSchema>;
/** A port that is usable. */
export type Binding = BindingFile & { since: string; driver: string };

export async function readBindingFile(path: string): Promise<BindingFile | undefined> {
  try {
    const kept = bindingSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return kept.port === portName(kept.vmid, kept.nic) ? kept : undefined;
  } catch {
    return undefined;
  }
}

export function isBinding(kept: BindingFile): kept is Binding {
  return kept.since !== undefined && kept.driver !== undefined;
}

export function bindingFile(desired: DesiredPort, key: string): BindingFile {
  const { guest, vlan } = desired;
  return {
    port: desired.port,
    ...(desired.row !== undefined && { row: desired.row }),
    interface: desired.interface,
    bridge: desired.bridge,
    nic: desired.nic,
    ...(desired.mtu !== undefined && { mtu: desired.mtu }),
    ...(vlan && { vlan: { ...vlan, trunks: [...vlan.trunks] } }),
    ...(desired.veth && {
      veth: {
        ...desired.veth,
        addresses: [...desired.veth.addresses],
        gateways: [...desired.veth.gateways],
        nameservers: [...desired.veth.nameservers],
        networks: desired.veth.networks.map(({ id, addresses, gateways }) => ({
          id,
          addresses: [...addresses],
          gateways: [...gateways],
        })),
      },
    }),
    ...(desired.portSecurity && {
      guard: {
        ...desired.portSecurity,
        addresses: [...desired.portSecurity.addresses],
        allowIn: [...desired.portSecurity.allowIn],
      },
    }),
    ...(desired.why !== undefined && { why: desired.why }),
    ...(desired.group !== undefined && { group: desired.group }),
    ...(desired.shared && { shared: [...desired.shared] }),
    ...(desired.published && {
      published: desired.published.map((entry) => ({ ...entry, allowIn: [...entry.allowIn] })),
    }),
    ...(desired.peer && { peer: desired.peer }),
    key,
    vmid: guest.vmid,
    runtime: guest.runtime,
    guest: guest.name,
    ...(guest.id !== undefined && { id: guest.id }),
  };
}

export function guestOf(binding: BindingFile): Guest {
  return {
    runtime: binding.runtime,
    vmid: binding.vmid,
    name: binding.guest,
    ...(binding.id !== undefined && { id: binding.id }),
  };
}

export function desiredOf(binding: BindingFile): DesiredPort {
  const { vlan, veth, peer, row, mtu, guard, published, group, shared, why } = binding;
  return {
    port: binding.port,
    ...(row !== undefined && { row }),
    ...(mtu !== undefined && { mtu }),
    interface: binding.interface,
    bridge: binding.bridge,
    guest: guestOf(binding),
    nic: binding.nic,
    ...(vlan && {
      vlan: {
        trunks: vlan.trunks,
        ...(vlan.tag !== undefined && { tag: vlan.tag }),
        ...(vlan.mode !== undefined && { mode: vlan.mode }),
      },
    }),
    ...(peer && { peer }),
    ...(veth && { veth }),
    ...(guard && {
      portSecurity: {
        mac: guard.mac,
        addresses: guard.addresses,
        isolate: guard.isolate,
        allowIn: guard.allowIn,
        ...(guard.rateIn !== undefined && { rateIn: guard.rateIn }),
        ...(guard.rateOut !== undefined && { rateOut: guard.rateOut }),
      },
    }),
    ...(why !== undefined && { why }),
    ...(group !== undefined && { group }),
    ...(shared && { shared }),
    ...(published && {
      published: published.map(({ port, address, inside, mac, allowIn }) => ({
        port,
        address,
        allowIn,
        ...(inside !== undefined && { inside }),
        ...(mac !== undefined && { mac }),
      })),
    }),
  };
}
