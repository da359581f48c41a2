// What `list_netmaker_containers` says of one container: its shape, and how it is put together; pure.

import * as z from 'zod';
import type { NetmakerRole } from './types.ts';
import type { MeshValues } from './wireguard/visits.ts';

const amount = z.number().nonnegative();

const peerSchema = z.looseObject({
  /** Base64. */
  public_key: z.string(),
  endpoint: z.string().nullable(),
  /** Seconds; null: never. */
  handshake_age: amount.nullable(),
  /** Bytes. */
  rx: amount,
  tx: amount,
});

const wireguardSchema = z.looseObject({
  interface: z.string(),
  source: z.enum(['kernel', 'userspace']),
  listen_port: z.number().nullable(),
  peers: z.array(peerSchema),
});

/** Packets with a sender that was not the container's own. */
const spoofedSchema = z.looseObject({ mac: amount, arp: amount, nd: amount, ipv4: amount, ipv6: amount });

const groupSchema = z.looseObject({
  name: z.string(),
  /** The shared ones. */
  addresses: z.array(z.string()),
  /** Whether this container has them now. */
  holder: z.boolean(),
});

const attestedSchema = z.looseObject({
  /** RFC 3339. */
  at: z.string(),
  verdict: z.string(),
  /** What the other side saw. */
  mapped: z.string().nullable(),
});

/** Loose: an agent of a later version may say more. */
export const containerReportSchema = z.looseObject({
  container: z.string(),
  id: z.string(),
  image: z.string(),
  role: z.enum(['server', 'client']).nullable(),
  decision: z.enum(['attached', 'waiting', 'skipped', 'not-netmaker']),
  reason: z.string(),
  port: z.string().nullable(),
  bridge: z.string().nullable(),
  /** Its own, canonical, without prefix length. */
  addresses: z.array(z.string()),
  mode: z.string(),
  health: z.enum(['healthy', 'unhealthy', 'starting', 'none']),
  restarts: amount,
  group: groupSchema.nullable(),
  spoofed: spoofedSchema.nullable(),
  /** Packets towards it that `allow_in` does not name. */
  refused: amount.nullable(),
  wireguard: z.array(wireguardSchema),
  attested: attestedSchema.nullable(),
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
  spoofed?: { mac: number; arp: number; nd: number; ipv4: number; ipv6: number } | undefined;
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
