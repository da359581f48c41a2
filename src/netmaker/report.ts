// What `list_netmaker_containers` says of one container: its shape, and how it is put together; pure.
// Descriptions are the table of docs/dbus.md.

import * as z from 'zod';
import type { NetmakerRole } from './types.ts';
import type { MeshValues } from './wireguard/visits.ts';

const amount = z.number().nonnegative();

const peerSchema = z.looseObject({
  public_key: z.string().describe('its public key, base64; no other key is given'),
  endpoint: z.string().nullable().describe('where it was last heard from, `ADDRESS:PORT`'),
  handshake_age: amount.nullable().describe('seconds since the last handshake; `null`: never'),
  rx: amount.describe('bytes from it'),
  tx: amount.describe('bytes to it'),
});

const wireguardSchema = z.looseObject({
  interface: z.string().describe('name inside the container'),
  source: z.enum(['kernel', 'userspace']).describe('what runs it'),
  listen_port: z.number().nullable().describe('UDP port'),
  peers: z.array(peerSchema).describe('its peers'),
});

const spoofedSchema = z.looseObject({
  mac: amount.describe('by MAC address'),
  arp: amount.describe('ARP'),
  nd: amount.describe('neighbour discovery'),
  ipv4: amount.describe('IPv4'),
  ipv6: amount.describe('IPv6'),
  other: amount.optional().describe('with a VLAN tag, or neither ARP nor IP'),
});

const groupSchema = z.looseObject({
  name: z.string().describe('name of the group'),
  addresses: z.array(z.string()).describe('the shared addresses'),
  holder: z.boolean().describe('whether this container has them now'),
});

const attestedSchema = z.looseObject({
  at: z.string().describe('when, RFC 3339'),
  verdict: z.string().describe('what was [found](netmaker.md#attest)'),
  mapped: z.string().nullable().describe('the address that the server saw'),
});

/** Loose: an agent of a later version may say more. */
export const containerReportSchema = z.looseObject({
  container: z.string().describe('name, as Docker has it'),
  id: z.string().describe('whole id'),
  image: z.string().describe('image, as Docker has it'),
  role: z.enum(['server', 'client']).nullable().describe('which part of Netmaker it is; `null`: none'),
  decision: z
    .enum(['attached', 'waiting', 'skipped', 'not-netmaker'])
    .describe(
      "`waiting`: it should have a port and has none; `skipped`: it looks like one of Netmaker's and gets no port, for `reason`",
    ),
  reason: z.string().describe('which label, image or name decided, or what is in the way'),
  port: z.string().nullable().describe('name of its port'),
  bridge: z.string().nullable().describe('bridge of that'),
  addresses: z.array(z.string()).describe("the container's own addresses, without prefix length"),
  mode: z.string().describe('`routed`, `l2` or `nat1to1`'),
  health: z.enum(['healthy', 'unhealthy', 'starting', 'none']).describe("Docker's health check"),
  restarts: amount.describe('how often Docker restarted it'),
  group: groupSchema.nullable().describe('its fail-over group'),
  spoofed: spoofedSchema
    .nullable()
    .describe('packets with a sender that was not its own, dropped since its guest got its rules'),
  refused: amount
    .nullable()
    .describe('packets from neighbours towards it, dropped since then because `allow_in` does not name them'),
  wireguard: z.array(wireguardSchema).describe('WireGuard interfaces inside'),
  wireguard_left_out: amount.default(0).describe('how many more interfaces it has than are looked at'),
  attested: attestedSchema.nullable().describe('the last attestation since the agent started'),
});

export const netmakerReportSchema = z.array(containerReportSchema);

export type ContainerReport = z.infer<typeof containerReportSchema>;

/** What the parts of the agent know of one container; what is left out is not known or does not apply. */
export interface ContainerParts {
  container: string;
  id: string;
  image: string;
  decision: ContainerReport['decision'];
  reason: string;
  mode: string;
  role?: NetmakerRole | undefined;
  port?: string | undefined;
  bridge?: string | undefined;
  addresses?: readonly string[] | undefined;
  /** From the mesh watch. */
  mesh?: MeshValues | undefined;
  group?: { name: string; addresses: readonly string[]; holder: boolean } | undefined;
  spoofed?: { mac: number; arp: number; nd: number; ipv4: number; ipv6: number; other?: number } | undefined;
  refused?: number | undefined;
  attested?: { at: string; verdict: string; mapped: string | null } | undefined;
}

/** `nowMs` since the epoch: the handshakes' ages are as of then. */
export function containerReport(parts: ContainerParts, nowMs: number): ContainerReport {
  const { container, id, image, decision, reason, mode, group, spoofed, attested, mesh } = parts;
  return {
    container,
    id,
    image,
    role: parts.role ?? null,
    decision,
    reason,
    port: parts.port ?? null,
    bridge: parts.bridge ?? null,
    addresses: [...(parts.addresses ?? [])],
    mode,
    health: mesh?.health ?? 'none',
    restarts: mesh?.restarts ?? 0,
    group: group ? { name: group.name, addresses: [...group.addresses], holder: group.holder } : null,
    spoofed: spoofed ? { ...spoofed } : null,
    refused: parts.refused ?? null,
    wireguard: wireguardReport(mesh, nowMs),
    wireguard_left_out: mesh?.leftOut ?? 0,
    attested: attested ? { ...attested } : null,
  };
}

function wireguardReport(mesh: MeshValues | undefined, nowMs: number): ContainerReport['wireguard'] {
  return (mesh?.wireguard ?? []).map(({ interface: name, source, listenPort, peers }) => ({
    interface: name,
    source,
    listen_port: listenPort,
    peers: peers.map(({ publicKey, endpoint, lastHandshake, rx, tx }) => ({
      public_key: publicKey,
      endpoint,
      handshake_age: ageOf(lastHandshake, nowMs),
      rx,
      tx,
    })),
  }));
}

/** A container may say that it shook hands tomorrow. */
function ageOf(lastHandshake: number | null, nowMs: number): number | null {
  return lastHandshake === null ? null : Math.max(0, Math.floor(nowMs / 1000) - lastHandshake);
}
