// The ledger beside what it stands on: the device's own fdatasync, and OpenSSL's SHA-256.
import { closeSync, constants, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type LedgerWriter, openLedger } from '../src/core/ledger/index.ts';
import { evidence } from './ledger-evidence.ts';
import { median, options, type Row, row, sample } from './ledger-parts.ts';
import { measureQueries } from './ledger-queries.ts';

/** One writer: an acknowledgement takes at most 1.3 of one fdatasync. */
const LIMITS: Readonly<Record<number, string>> = { 1: '>= 0.77', 64: '>= 20' };
const SECONDS = 2;

/** Works in a scratch directory of OPA_BENCH_DIR (default /var/tmp), which must be on the disk in question. */
export async function run(): Promise<Row[]> {
  const dir = mkdtempSync(join(process.env.OPA_BENCH_DIR ?? '/var/tmp', 'opa-bench-'));
  try {
    return [...(await appends(dir)), ...(await evidence(dir)), ...(await measureQueries(dir))];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function appends(dir: string): Promise<Row[]> {
  const ledger = await openLedger(options(join(dir, 'appends.jsonl')));
  await appendFor(ledger, 64, 0.5);
  const rows: Row[] = [];
  for (const writers of [1, 8, 64, 512]) {
    // Floor and ours take turns, so that a neighbour's load meets both.
    const floors: number[] = [];
    const pooled: number[] = [];
    const ours: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      floors.push(syncRate(dir));
      if (writers === 1) pooled.push(await pooledRate(dir));
      ours.push(await appendFor(ledger, writers, SECONDS / 3));
    }
    const name = `durable appends, ${writers === 1 ? '1 writer' : `${writers} writers`}, to write+fdatasync`;
    rows.push(row(name, median(ours), median(floors), '1/s', LIMITS[writers]));
    if (writers === 1)
      rows.push(row('the same, to one write through the thread pool', median(ours), median(pooled), '1/s'));
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

// The same by Node's own means for a program that goes on meanwhile: one write of a file opened with O_DSYNC.
async function pooledRate(dir: string): Promise<number> {
  const { O_CREAT, O_DSYNC, O_RDWR } = constants;
  const file = await open(join(dir, 'pooled'), O_RDWR | O_CREAT | O_DSYNC);
  const bytes = Buffer.alloc(600, 'x');
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < (SECONDS / 3) * 1000; count++)
    await file.write(bytes, 0, bytes.length, count * bytes.length);
  await file.close();
  return Math.round((count * 1000) / (performance.now() - start));
}
