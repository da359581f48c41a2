// The ledger beside what it stands on: the device's own fdatasync, and OpenSSL's SHA-256.
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type LedgerWriter, openLedger, verifyLedger } from '../src/core/ledger/index.ts';

/** One measurement: ours beside the peer's in the same run. `ratio` = ours ÷ peer; `limit` is what it is held against. */
export type Row = { name: string; ours: number; peer: number; unit: string; ratio: number; limit?: string };

const FILE_BYTES = 200e6;
const SECONDS = 2;

/** Works in a scratch directory of OPA_BENCH_DIR (default /var/tmp), which must be on the disk in question. */
export async function run(): Promise<Row[]> {
  const dir = mkdtempSync(join(process.env.OPA_BENCH_DIR ?? '/var/tmp', 'opa-bench-'));
  try {
    return [...(await appends(dir)), ...(await verifications(dir))];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function appends(dir: string): Promise<Row[]> {
  const ledger = await openLedger(options(join(dir, 'appends.jsonl')));
  await appendFor(ledger, 64, 0.5);
  const rows: Row[] = [];
  for (const writers of [1, 64]) {
    // Floor and ours take turns, so that a neighbour's load meets both.
    const floors: number[] = [];
    const ours: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      floors.push(syncRate(dir));
      ours.push(await appendFor(ledger, writers, SECONDS / 3));
    }
    const limit = writers === 1 ? '>= 0.5' : '>= 10';
    const name = `durable appends, ${writers === 1 ? '1 writer' : `${writers} writers`}, to write+fdatasync`;
    rows.push(row(name, median(ours), median(floors), '1/s', limit));
  }
  await ledger.close();
  return rows;
}

async function appendFor(ledger: LedgerWriter, writers: number, seconds: number): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1000;
  let count = 0;
  const write = async () => {
    for (; performance.now() < end; count++) await ledger.append(sample(count));
  };
  await Promise.all(Array.from({ length: writers }, write));
  return Math.round((count * 1000) / (performance.now() - start));
}

// What the device itself can do: one block's bytes, one fdatasync, again and again.
function syncRate(dir: string): number {
  const file = openSync(join(dir, 'floor'), 'w');
  const bytes = Buffer.alloc(600, 'x');
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < (SECONDS / 3) * 1000; count++) {
    writeSync(file, bytes);
    fdatasyncSync(file);
  }
  closeSync(file);
  return Math.round((count * 1000) / (performance.now() - start));
}

async function verifications(dir: string): Promise<Row[]> {
  const path = join(dir, 'big.jsonl');
  await fill(path);
  const rows: Row[] = [];
  for (const mode of ['fast', 'strict'] as const) {
    const peers: number[] = [];
    const ours: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      peers.push(await speed(path, async () => void execFileSync('openssl', ['dgst', '-sha256', path])));
      ours.push(await speed(path, async () => void (await verifyLedger(path, { mode }))));
    }
    rows.push(row(`verify (${mode}) to openssl dgst -sha256`, median(ours), median(peers), 'MB/s'));
  }
  return rows;
}

async function fill(path: string): Promise<void> {
  const ledger = await openLedger(options(path));
  while (statSync(path).size < FILE_BYTES) {
    await Promise.all(Array.from({ length: 5000 }, (_, n) => ledger.append(sample(n))));
  }
  await ledger.close();
}

async function speed(path: string, work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return Math.round(statSync(path).size / 1e3 / (performance.now() - start));
}

function options(path: string) {
  return {
    path,
    hostname: 'pve1',
    bootId: '0b1f2c9a-8d1e-4b7a-9c55-0a1b2c3d4e5f',
    pid: process.pid,
    user: 'root',
  };
}

function sample(n: number) {
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

function row(name: string, ours: number, peer: number, unit: string, limit?: string): Row {
  return {
    name,
    ours,
    peer,
    unit,
    ratio: Math.round((ours / peer) * 100) / 100,
    ...(limit ? { limit } : {}),
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
