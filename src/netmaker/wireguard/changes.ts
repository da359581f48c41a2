// What changed in a container's mesh between two looks; pure.

import type { JsonObject } from '../../core/lib/json.ts';
import type { MeshInterface, MeshPeer } from './interface.ts';

/** Docker's word for a container's health check; `none` without one. */
export type Health = 'healthy' | 'unhealthy' | 'starting' | 'none';

export interface MeshContainer {
  /** The container's name. */
  container: string;
  id: string;
  pid: number;
  /** `vi<VMID>`. */
  port: string;
}

/** What one look saw. */
export interface MeshSight {
  container: MeshContainer;
  health: Health;
  /** Docker's RestartCount. */
  restarts: number;
  /** RFC 3339. */
  startedAt: string;
  /** Undefined: they could not be read yet. */
  wireguard?: readonly MeshInterface[];
  /** How many more there are that nobody looks at. */
  leftOut?: number;
  /** When they were read: milliseconds since the epoch. */
  readAt?: number;
}

export type MeshAction =
  | 'container_restarted'
  | 'health_changed'
  | 'wireguard_interface_appeared'
  | 'wireguard_interface_vanished'
  | 'peer_appeared'
  | 'peer_vanished'
  | 'endpoint_changed'
  | 'handshake_fresh'
  | 'handshake_stale'
  | 'mesh_changes_summed';

/** A block for the ledger, category `connectivity`. */
export interface Change {
  action: MeshAction;
  data: JsonObject;
}

/** Blocks that one look may give, and keys that a block may list. */
export const CHANGES_MAX = 64;

/** REJECT_AFTER_TIME, "WireGuard: Next Generation Kernel Network Tunnel" §6.1: the session is over then. */
const FRESH_S = 180;

/** `never`, or whether the session of the last handshake can still be in use; `at` milliseconds since the epoch. */
export function freshness(lastHandshake: number | null, at: number): 'fresh' | 'stale' | 'never' {
  if (lastHandshake === null) return 'never';
  return at / 1000 - lastHandshake <= FRESH_S ? 'fresh' : 'stale';
}

/**
 * Byte counters and new handshakes in time are no change. The first sight of an interface is one block with its
 * peers, and a peer's first sight says its freshness: from then on only the way from fresh to not fresh and back is
 * told. More than `limit` changes are summed up: the first `limit - 1`, then one that counts the rest.
 */
export function meshChanges(before: MeshSight | undefined, now: MeshSight, limit = CHANGES_MAX): Change[] {
  const all = [...containerChanges(before, now), ...wireguardChanges(before, now)];
  const changes = all.length <= limit ? all : [...all.slice(0, limit - 1), summed(all.slice(limit - 1))];
  const { container, id, port } = now.container;
  const whose = { guest: container, container_id: id, port };
  return changes.map(({ action, data }) => ({ action, data: { ...whose, ...data } }));
}

function containerChanges(before: MeshSight | undefined, now: MeshSight): Change[] {
  if (before === undefined) return [];
  const changes: Change[] = [];
  if (before.startedAt !== now.startedAt || before.restarts !== now.restarts) {
    const data = { restarts: now.restarts, started_at: now.startedAt, started_at_before: before.startedAt };
    changes.push({ action: 'container_restarted', data });
  }
  if (before.health !== now.health) {
    changes.push({ action: 'health_changed', data: { from: before.health, to: now.health } });
  }
  return changes;
}

function wireguardChanges(before: MeshSight | undefined, now: MeshSight): Change[] {
  if (now.wireguard === undefined) return [];
  const known = byKey(before?.wireguard ?? [], (entry) => entry.interface);
  const present = byKey(now.wireguard, (entry) => entry.interface);
  const at = { before: before?.readAt ?? 0, now: now.readAt ?? 0 };
  return [
    ...[...known.keys()].filter((name) => !present.has(name)).map(vanished),
    ...[...present.values()].flatMap((entry) => {
      const earlier = known.get(entry.interface);
      return earlier === undefined ? [appeared(entry, at.now)] : peerChanges(earlier, entry, at);
    }),
  ];
}

function appeared(entry: MeshInterface, at: number): Change {
  const keys = entry.peers.slice(0, CHANGES_MAX).map((peer) => peer.publicKey);
  const fresh = entry.peers.filter((peer) => freshness(peer.lastHandshake, at) === 'fresh').length;
  const data = {
    interface: entry.interface,
    source: entry.source,
    listen_port: entry.listenPort,
    peers: entry.peers.length,
    fresh,
    public_keys: keys,
  };
  return { action: 'wireguard_interface_appeared', data };
}

function vanished(name: string): Change {
  return { action: 'wireguard_interface_vanished', data: { interface: name } };
}

function peerChanges(
  before: MeshInterface,
  now: MeshInterface,
  at: { before: number; now: number },
): Change[] {
  const known = byKey(before.peers, (peer) => peer.publicKey);
  const present = byKey(now.peers, (peer) => peer.publicKey);
  const about = (peer: MeshPeer) => ({ interface: now.interface, public_key: peer.publicKey });
  const changes: Change[] = [];
  for (const peer of known.values()) {
    if (!present.has(peer.publicKey)) changes.push({ action: 'peer_vanished', data: about(peer) });
  }
  for (const peer of present.values()) {
    const earlier = known.get(peer.publicKey);
    const state = freshness(peer.lastHandshake, at.now);
    if (earlier === undefined) {
      const data = { ...about(peer), endpoint: peer.endpoint, handshake: state };
      changes.push({ action: 'peer_appeared', data });
      continue;
    }
    if (earlier.endpoint !== peer.endpoint) {
      const data = { ...about(peer), from: earlier.endpoint, to: peer.endpoint };
      changes.push({ action: 'endpoint_changed', data });
    }
    const was = freshness(earlier.lastHandshake, at.before);
    if ((was === 'fresh') === (state === 'fresh')) continue;
    const data = { ...about(peer), endpoint: peer.endpoint, last_handshake: instantOf(peer.lastHandshake) };
    changes.push({ action: state === 'fresh' ? 'handshake_fresh' : 'handshake_stale', data });
  }
  return changes;
}

function summed(rest: readonly Change[]): Change {
  const actions: Record<string, number> = {};
  for (const { action } of rest) actions[action] = (actions[action] ?? 0) + 1;
  return { action: 'mesh_changes_summed', data: { changes: rest.length, actions } };
}

/** Dates go to year 275760; a container may say what it likes. */
function instantOf(seconds: number | null): string | null {
  if (seconds === null || seconds > 8_640_000_000_000) return null;
  return new Date(seconds * 1000).toISOString();
}

/** The first of each key: a container may say one twice. */
function byKey<T>(entries: readonly T[], key: (entry: T) => string): Map<string, T> {
  const map = new Map<string, T>();
  for (const entry of entries) if (!map.has(key(entry))) map.set(key(entry), entry);
  return map;
}
