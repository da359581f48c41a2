// Sights of a container and its mesh, for tests.

import type { MeshSight } from '../../../../src/netmaker/wireguard/changes.ts';
import type { MeshInterface, MeshPeer } from '../../../../src/netmaker/wireguard/interface.ts';

/** Milliseconds since the epoch. */
export const AT = 1_795_448_000_000;
export const S = AT / 1000;

export const container = { container: 'netclient', id: 'ab'.repeat(32), pid: 4711, port: 'vi1000000' };

export const key = (fill: number) => Buffer.alloc(32, fill).toString('base64');

export function peer(fill: number, more: Partial<MeshPeer> = {}): MeshPeer {
  const endpoint = `203.0.113.${fill}:51821`;
  return { publicKey: key(fill), endpoint, allowedIps: [], lastHandshake: S - 10, rx: 1, tx: 2, ...more };
}

export function wg(peers: MeshPeer[], name = 'netmaker'): MeshInterface {
  return { interface: name, source: 'userspace', listenPort: 51821, peers };
}

export function sight(wireguard: MeshInterface[], more: Partial<MeshSight> = {}): MeshSight {
  const docker = { health: 'healthy', restarts: 0, startedAt: '2026-11-23T08:00:00Z' } as const;
  return { container, ...docker, wireguard, readAt: AT, ...more };
}
