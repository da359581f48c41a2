// What the measurements of the ledger share.

/** One measurement: ours beside the peer's in the same run. `ratio` = ours ÷ peer; `limit` is what it is held against. */
export type Row = { name: string; ours: number; peer: number; unit: string; ratio: number; limit?: string };

export function options(path: string) {
  return {
    path,
    hostname: 'pve1',
    bootId: '0b1f2c9a-8d1e-4b7a-9c55-0a1b2c3d4e5f',
    pid: process.pid,
    user: 'root',
  };
}

export function sample(n: number) {
  const guest = { kind: 'proxmox-qemu', name: `web-${n}`, vmid: 100 + n };
  const data = {
    bridge: 'ovsbr0',
    driver: 'ovsdb',
    guest,
    interface: `tap${n}i0`,
    port: `vi${n}`,
    took_ms: n % 700,
  };
  const metadata = { event_id: `5d0c6f9e-9b3a-4f6e-8c0e-${String(n).padStart(12, '0')}`, kind: 'outcome' };
  return { category: 'port', action: 'port_attached', data, metadata } as const;
}

export function row(name: string, ours: number, peer: number, unit: string, limit?: string): Row {
  return {
    name,
    ours,
    peer,
    unit,
    ratio: Math.round((ours / peer) * 100) / 100,
    ...(limit ? { limit } : {}),
  };
}

export function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
