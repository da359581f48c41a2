// What the guests that run now ask for: the agent's memory, mirrored as one JSON file a port in /run.
//
// The files survive a restart of the agent, not a reboot, just like the guests themselves.

import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isErrno } from '../core/errors.ts';
import { writeFileAtomically } from '../core/guest/atomic-file.ts';
import { GUEST_RUNTIMES, type Guest } from '../core/guest/guest.ts';
import { bridgeNameSchema, interfaceNameSchema } from '../core/guest/interface-name.ts';
import { portName, vmidSchema } from '../core/guest/vmid.ts';
import type { DesiredPort } from '../core/plan/desired.ts';

/** One guest's ports. `key` is that of its events (`guestKeyOf`). */
export interface Claim {
  key: string;
  guest: Guest;
  ports: readonly DesiredPort[];
}

const portSchema = z.object({
  port: z.string(),
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
      address: z.string().optional(),
      gateway: z.string().optional(),
    })
    .optional(),
  peer: z.object({ pid: z.number() }).optional(),
});
export const bindingSchema = portSchema.extend({
  key: z.string(),
  vmid: vmidSchema,
  runtime: z.enum(GUEST_RUNTIMES),
  guest: z.string(),
  id: z.string().optional(),
  /** When the port became usable, RFC 3339. */
  since: z.string(),
  driver: z.string(),
});
export type Binding = z.infer<typeof bindingSchema>;

export interface Claims {
  get(key: string): Claim | undefined;
  all(): Claim[];
  /** Replaces what a guest asks for; no ports takes the guest out. */
  set(claim: Claim): void;
  /** The guest a port belongs to. */
  ofPort(port: string): Claim | undefined;
  /** Notes that a port is usable, or no longer. */
  bind(desired: DesiredPort, key: string, driver: string, now: Date): Promise<Binding>;
  unbind(port: string): Promise<void>;
  binding(port: string): Binding | undefined;
  bindings(): Binding[];
}

/** Reads the files of an earlier run in `directory`; one that is damaged is dropped, its port found again. */
export async function loadClaims(directory: string): Promise<Claims> {
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const claims = new Map<string, Claim>();
  const bindings = new Map<string, Binding>();
  for (const file of await readdir(directory)) {
    const binding = await readBinding(join(directory, file));
    if (binding === undefined || `${binding.port}.json` !== file) continue;
    bindings.set(binding.port, binding);
    const former = claims.get(binding.key);
    claims.set(binding.key, {
      key: binding.key,
      guest: guestOf(binding),
      ports: [...(former?.ports ?? []), desiredOf(binding)],
    });
  }
  const fileOf = (port: string) => join(directory, `${port}.json`);

  return {
    get: (key) => claims.get(key),
    all: () => [...claims.values()],
    set(claim) {
      if (claim.ports.length === 0) claims.delete(claim.key);
      else claims.set(claim.key, claim);
    },
    ofPort: (port) => [...claims.values()].find((claim) => claim.ports.some((wish) => wish.port === port)),
    async bind(desired, key, driver, now) {
      const former = bindings.get(desired.port);
      const same = former?.interface === desired.interface && former.bridge === desired.bridge;
      const binding: Binding = {
        port: desired.port,
        interface: desired.interface,
        bridge: desired.bridge,
        nic: desired.nic,
        ...(desired.vlan && { vlan: { ...desired.vlan, trunks: [...desired.vlan.trunks] } }),
        ...(desired.veth && { veth: desired.veth }),
        ...(desired.peer && { peer: desired.peer }),
        key,
        vmid: desired.guest.vmid,
        runtime: desired.guest.runtime,
        guest: desired.guest.name,
        ...(desired.guest.id !== undefined && { id: desired.guest.id }),
        since: same ? former.since : now.toISOString(),
        driver,
      };
      bindings.set(desired.port, binding);
      await writeFileAtomically(fileOf(desired.port), `${JSON.stringify(binding)}\n`);
      return binding;
    },
    async unbind(port) {
      bindings.delete(port);
      await unlink(fileOf(port)).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT')) throw error;
      });
    },
    binding: (port) => bindings.get(port),
    bindings: () => [...bindings.values()],
  };
}

async function readBinding(path: string): Promise<Binding | undefined> {
  try {
    const binding = bindingSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return binding.port === portName(binding.vmid, binding.nic) ? binding : undefined;
  } catch {
    return undefined;
  }
}

function guestOf(binding: Binding): Guest {
  return {
    runtime: binding.runtime,
    vmid: binding.vmid,
    name: binding.guest,
    ...(binding.id !== undefined && { id: binding.id }),
  };
}

function desiredOf(binding: Binding): DesiredPort {
  const { vlan, veth, peer } = binding;
  return {
    port: binding.port,
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
    ...(veth && {
      veth: {
        pid: veth.pid,
        guestInterface: veth.guestInterface,
        mac: veth.mac,
        ...(veth.address !== undefined && { address: veth.address }),
        ...(veth.gateway !== undefined && { gateway: veth.gateway }),
      },
    }),
  };
}
