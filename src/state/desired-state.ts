// What the guests that run now ask for: the agent's memory, mirrored as one JSON file a port in /run.
//
// The files survive a restart of the agent, not a reboot, just like the guests themselves. A file is there from the
// moment the port is asked for: LXC has no daemon that could tell a restarted agent what still has to be done.
// `by-vmid/<VMID>` leads to it.

import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { GUEST_RUNTIMES, type Guest } from '../core/guest/guest.ts';
import { portName, vmidSchema } from '../core/guest/vmid.ts';
import { linkIndex } from '../core/kernel/links.ts';
import { writeMemoryFile } from '../core/lib/atomic-file.ts';
import { bridgeNameSchema, interfaceNameSchema } from '../core/lib/device-name-schemas.ts';
import { isErrno } from '../core/lib/errors.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import { openAskers } from './askers.ts';
import { interfaceBinding } from './interface-binding.ts';
import { openVmidLinks } from './vmid-links.ts';

/** One guest's ports. `key` is that of its events (`guestKeyOf`). */
export interface Claim {
  key: string;
  guest: Guest;
  ports: readonly DesiredPort[];
}

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
type ClaimFile = z.infer<typeof bindingSchema>;
/** A port that is usable. */
export type Binding = ClaimFile & { since: string; driver: string };

export interface Claims {
  get(key: string): Claim | undefined;
  all(): Claim[];
  /** Replaces what a guest asks for; no ports takes the guest out. A port that is bound keeps its file until `unbind`. */
  set(claim: Claim): Promise<void>;
  /** The guest a port belongs to: the one that has it, else the first that asks for it. */
  ofPort(port: string): Claim | undefined;
  /** The guest a device belongs to, likewise: one device, one guest. */
  ofDevice(link: string): Claim | undefined;
  /** Devices that were ever noted for the port, in this run and by files of an earlier one. */
  noted(port: string): ReadonlySet<string>;
  /** Notes that a port is usable, or no longer. */
  bind(desired: DesiredPort, key: string, driver: string, now: Date): Promise<Binding>;
  unbind(port: string): Promise<void>;
  /** Whether the port was asked for when the very device that has the name now was there. */
  isForThisLink(desired: DesiredPort): Promise<boolean>;
  binding(port: string): Binding | undefined;
  bindings(): Binding[];
  /** Files of an earlier run that are not understood, and lie there still. */
  damaged(): string[];
}

const NOTHING: ReadonlySet<string> = new Set();

/**
 * Reads the files of an earlier run in `directory`; one that is damaged is told of and left out, and its port is found again
 * where the guest's runtime can be asked.
 */
export async function loadClaims(
  directory: string,
  onProblem: (problem: string) => void = () => undefined,
): Promise<Claims> {
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const claims = new Map<string, Claim>();
  const bindings = new Map<string, Binding>();
  const devices = new Map<string, Pick<ClaimFile, 'interface' | 'ifindex'>>();
  const noted = new Map<string, Set<string>>();
  const damaged = new Set<string>();
  const note = ({ port, interface: link }: Pick<ClaimFile, 'port' | 'interface'>) => {
    noted.set(port, (noted.get(port) ?? new Set()).add(link));
  };
  for (const file of await readdir(directory)) {
    if (!file.endsWith('.json')) continue;
    const kept = await readClaimFile(join(directory, file));
    if (kept === undefined || `${kept.port}.json` !== file) {
      onProblem(`${join(directory, file)} is not understood and was left out: is its port still right?`);
      damaged.add(join(directory, file));
      continue;
    }
    if (isBinding(kept)) bindings.set(kept.port, kept);
    devices.set(kept.port, kept);
    note(kept);
    const former = claims.get(kept.key);
    claims.set(kept.key, {
      key: kept.key,
      guest: guestOf(kept),
      ports: [...(former?.ports ?? []), desiredOf(kept)],
    });
  }
  const askers = openAskers();
  for (const { key, ports } of claims.values()) askers.set(key, ports);
  const fileOf = (port: string) => join(directory, `${port}.json`);
  const links = openVmidLinks(join(directory, 'by-vmid'), [...devices.keys()]);
  const texts = new Map<string, string>();
  const write = (file: ClaimFile) => {
    note(file);
    const text = `${JSON.stringify({ ...file, ...interfaceBinding(file, fileOf(file.port)) })}\n`;
    if (texts.get(file.port) === text) return;
    writeMemoryFile(fileOf(file.port), text);
    damaged.delete(fileOf(file.port));
    links.add(file.port);
    texts.set(file.port, text);
    devices.set(file.port, file);
  };
  const remove = async (port: string) => {
    texts.delete(port);
    devices.delete(port);
    links.remove(port);
    await unlink(fileOf(port)).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error;
    });
  };
  /** The binding of the port, if it is still the one that is wished for. */
  const bindingOf = (desired: DesiredPort): Binding | undefined => {
    const binding = bindings.get(desired.port);
    const same = binding?.interface === desired.interface && binding.bridge === desired.bridge;
    return same ? binding : undefined;
  };

  /** Of several guests that ask for one port, the one that has it. */
  const holderOf = (port: string): Claim | undefined => {
    const asks = (claim: Claim | undefined) => claim?.ports.some((wish) => wish.port === port) === true;
    const owner = claims.get(bindings.get(port)?.key ?? '');
    return asks(owner) ? owner : only(askers.forPort(port), asks);
  };

  /** The first of all claims where several ask. */
  const only = (keys: ReadonlySet<string>, asks: (claim: Claim) => boolean): Claim | undefined => {
    if (keys.size > 1) return [...claims.values()].find(asks);
    const [key] = keys;
    return key === undefined ? undefined : claims.get(key);
  };

  const deviceHolder = (link: string): Claim | undefined => {
    const keys = askers.forDevice(link);
    const asks = (claim: Claim) => claim.ports.some((wish) => wish.interface === link);
    if (keys.size < 2) return only(keys, asks);
    const bound = [...bindings.values()].filter((binding) => binding.interface === link);
    const owner = bound.map(({ key }) => claims.get(key)).find((claim) => claim && asks(claim));
    return owner ?? only(keys, asks);
  };

  return {
    get: (key) => claims.get(key),
    all: () => [...claims.values()],
    async set(claim) {
      const former = claims.get(claim.key)?.ports ?? [];
      if (claim.ports.length === 0) claims.delete(claim.key);
      else claims.set(claim.key, claim);
      askers.set(claim.key, claim.ports);
      for (const desired of claim.ports) {
        if (holderOf(desired.port)?.key !== claim.key) continue;
        const ifindex = await linkIndex(desired.interface);
        const known = bindingOf(desired);
        // Another device of the same name: the guest was started anew while nobody looked.
        const bound = known?.ifindex === ifindex ? known : undefined;
        if (known && !bound) bindings.delete(desired.port);
        const file: ClaimFile = { ...claimFile(desired, claim.key), ifindex };
        if (bound) {
          const binding: Binding = { ...file, since: bound.since, driver: bound.driver };
          bindings.set(desired.port, binding);
          write(binding);
        } else write(file);
      }
      for (const { port } of former) {
        if (!bindings.has(port) && !claim.ports.some((desired) => desired.port === port)) await remove(port);
      }
    },
    ofPort: holderOf,
    ofDevice: deviceHolder,
    noted: (port) => noted.get(port) ?? NOTHING,
    async bind(desired, key, driver, now) {
      const ifindex = await linkIndex(desired.interface);
      const former = bindingOf(desired);
      // Another device of the same name: the guest has been started anew meanwhile.
      const since = former?.ifindex === ifindex && former ? former.since : now.toISOString();
      const binding: Binding = { ...claimFile(desired, key), since, driver, ifindex };
      bindings.set(desired.port, binding);
      write(binding);
      return binding;
    },
    async unbind(port) {
      bindings.delete(port);
      const claim = holderOf(port);
      const desired = claim?.ports.find((wish) => wish.port === port);
      if (claim === undefined || desired === undefined) return remove(port);
      // Still asked for: a restarted agent must know.
      write({ ...claimFile(desired, claim.key), ifindex: await linkIndex(desired.interface) });
    },
    async isForThisLink({ port, interface: link }) {
      const asked = devices.get(port);
      if (asked?.ifindex === undefined || asked.interface !== link) return false;
      return asked.ifindex === (await linkIndex(link));
    },
    binding: (port) => bindings.get(port),
    bindings: () => [...bindings.values()],
    damaged: () => [...damaged].filter((path) => existsSync(path)),
  };
}

async function readClaimFile(path: string): Promise<ClaimFile | undefined> {
  try {
    const kept = bindingSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return kept.port === portName(kept.vmid, kept.nic) ? kept : undefined;
  } catch {
    return undefined;
  }
}

function isBinding(kept: ClaimFile): kept is Binding {
  return kept.since !== undefined && kept.driver !== undefined;
}

function claimFile(desired: DesiredPort, key: string): ClaimFile {
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
    ...(desired.guard && {
      guard: {
        ...desired.guard,
        addresses: [...desired.guard.addresses],
        allowIn: [...desired.guard.allowIn],
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

function guestOf(binding: ClaimFile): Guest {
  return {
    runtime: binding.runtime,
    vmid: binding.vmid,
    name: binding.guest,
    ...(binding.id !== undefined && { id: binding.id }),
  };
}

function desiredOf(binding: ClaimFile): DesiredPort {
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
      guard: {
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
