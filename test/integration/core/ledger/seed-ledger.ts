// Writes ledgers as the older program does, from the description of its two forms; shares no code with what reads them.

import { createHash } from 'node:crypto';

/** serde_json's text of a value whose objects keep their keys sorted by bytes, and nothing between tokens. */
export function serde(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(serde).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${keys.map((key) => `${JSON.stringify(key)}:${serde((value as Record<string, unknown>)[key])}`).join(',')}}`;
}

const u64 = (value: number) =>
  Buffer.from([0, 8, 16, 24, 32, 40, 48, 56].map((bits) => Number((BigInt(value) >> BigInt(bits)) & 255n)));
const u32 = (value: number) =>
  Buffer.from([value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255]);
const sha256 = (...parts: (string | Buffer)[]) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
    .digest('hex');

export interface SeedEntry {
  action: string;
  data: unknown;
  timestamp?: number;
  producer?: string;
  category?: string;
  user?: string;
  hostname?: string;
  pid?: number;
  metadata?: Record<string, string>;
}

/** Lines of the form with heights, each with its line end. */
export function seedBlocks(entries: readonly SeedEntry[], heightAt = (at: number) => at + 1): string[] {
  let prev = '';
  return entries.map((entry, at) => {
    const {
      timestamp = 1760182880 + at,
      producer = 'network-plugin',
      category = 'interface',
      action,
      data,
    } = entry;
    const { user = 'system', hostname = 'pve1', pid = 4242, metadata = {} } = entry;
    const height = heightAt(at);
    const said = Object.keys(metadata).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const hash = sha256(
      ...[
        u64(height),
        prev,
        u64(timestamp),
        producer,
        category,
        action,
        user,
        hostname,
        u32(pid),
        serde(data),
      ],
      said.map((key) => `${key}:${metadata[key]}`).join(''),
    );
    const line =
      `{"timestamp":${timestamp},"height":${height},"prev_hash":"${prev}","hash":"${hash}","producer":${serde(producer)},` +
      `"category":${serde(category)},"action":${serde(action)},"user":${serde(user)},"hostname":${serde(hostname)},"pid":${pid},` +
      // A hash map of Rust: the members of `metadata` stand in any order.
      `"data":${serde(data)},"metadata":{${said
        .reverse()
        .map((key) => `${serde(key)}:${serde(metadata[key])}`)
        .join(',')}},"signature":null}\n`;
    prev = hash;
    return line;
  });
}

/** Lines of the form before that. */
export function seedRecords(entries: readonly SeedEntry[]): string[] {
  let prev = '';
  return entries.map(({ action, data, timestamp }, at) => {
    const ts = timestamp ?? 1759600000 + at;
    const hash = sha256(prev, u64(ts), action, serde(data));
    const line = `{"ts":${ts},"action":${serde(action)},"details":${serde(data)},"prev_hash":"${prev}","hash":"${hash}"}\n`;
    prev = hash;
    return line;
  });
}

/** What that program really records, with texts that are awkward to write. */
export const SEED_ENTRIES: readonly SeedEntry[] = [
  {
    action: 'interface_created',
    data: { interface: 'vi_web', original: 'veth100i0', bridge: 'ovsbr0', container_id: 'web', vmid: 100 },
  },
  {
    action: 'interface_rename',
    data: { old: 'veth-a', new: 'vi_a', bridge: 'ovsbr0', container_id: 'Gästé "1"\n\u0001', vmid: 0 },
  },
  {
    action: 'interface_removed',
    data: { interface: 'vi_web', bridge: 'ovsbr0' },
    metadata: { b: '2', a: '1', é: '3' },
  },
  { action: 'unknown', data: null, category: 'bridge', user: 'ädmin' },
  {
    action: 'modified',
    data: [{ z: 1, a: [true, 0.5, -3] }, 'x/y', {}],
    producer: 'settings-plugin',
    category: 'config',
  },
];
