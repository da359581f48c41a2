// A scratch directory with a ledger in it, for the tests of this folder.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Entry,
  type LedgerOptions,
  type LedgerWriter,
  openLedger,
} from '../../../../src/core/ledger/index.ts';

export type Scratch = { dir: string; path: string; [Symbol.dispose](): void };

export function scratch(content?: Buffer | string): Scratch {
  const dir = mkdtempSync(join(tmpdir(), 'opa-ledger-'));
  const path = join(dir, 'ledger.jsonl');
  if (content !== undefined) writeFileSync(path, content);
  return { dir, path, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

export function open(path: string, more: Partial<LedgerOptions> = {}): Promise<LedgerWriter> {
  return openLedger({ path, hostname: 'pve1', bootId: 'boot-1', pid: 812, user: 'root', ...more });
}

export function entry(n: number, more: Partial<Entry> = {}): Entry {
  const data = { port: `vi${n}`, name: 'Gästé "1"\n', took_ms: n / 4, tags: [null, true, { z: 1, a: 2 }] };
  return { category: 'port', action: 'port_attached', data, metadata: { event_id: `event-${n}` }, ...more };
}

/** The bytes of a ledger with `count` blocks. */
export async function sampleBytes(count: number): Promise<Buffer> {
  using place = scratch();
  const ledger = await open(place.path);
  for (let n = 1; n <= count; n++) await ledger.append(entry(n, { cause: n > 1 ? n - 1 : null }));
  await ledger.close();
  return readFileSync(place.path);
}

/** Lines with their newline. */
export function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0x0a, start) + 1 || bytes.length;
    lines.push(bytes.subarray(start, end));
    start = end;
  }
  return lines;
}
