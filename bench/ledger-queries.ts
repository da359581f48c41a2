// Queries of a ledger of a million blocks beside what was asked for, and beside grep over the same files; what the index costs.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { NO_HASH } from '../src/core/ledger/block.ts';
import { makeDraft } from '../src/core/ledger/draft.ts';
import { openLedger } from '../src/core/ledger/index.ts';
import { keepIndex } from '../src/core/ledger/index-files/keep.ts';
import { rebuildIndex } from '../src/core/ledger/index-files/update.ts';
import { blockText, formatLine } from '../src/core/ledger/line.ts';
import { queryBlocks } from '../src/core/ledger/query/query.ts';
import { type Want, wantHash, wantVmid } from '../src/core/ledger/query/wants.ts';
import { median, type Row } from './ledger-parts.ts';

const BLOCKS = Number(process.env.OPA_BENCH_BLOCKS ?? 1_000_000);
/** What a sealed segment has by default, in bytes. */
const SEGMENT_BYTES = 64 << 20;
const COLD_MS = 200;
const WARM_MS = 20;
const TURNS = 5;
const SECONDS = 2;

const ORIGIN = { hostname: 'pve1', bootId: '0b1f2c9a-8d1e-4b7a-9c55-0a1b2c3d4e5f', pid: 812, user: 'root' };
/** The guest that is looked for has a block in a thousand or so. */
const WANTED = 777;

export async function measureQueries(dir: string): Promise<Row[]> {
  const path = join(dir, 'million', 'ledger.jsonl');
  const hash = writeMillion(path);
  const rows: Row[] = [];
  const began = performance.now();
  await rebuildIndex(path);
  const built = Math.round((BLOCKS * 1000) / (performance.now() - began));
  const files = () => filesIn(join(dir, 'million'));
  const ledgerFiles = files().filter((file) => file.endsWith('.jsonl'));
  const bytes = (all: string[]) => all.reduce((sum, file) => sum + statSync(file).size, 0);
  rows.push(
    row(
      'index, bytes of it to those of the ledger',
      bytes(files()) - bytes(ledgerFiles),
      bytes(ledgerFiles),
      'B',
      '<= 0.1',
    ),
  );
  rows.push(
    row('index made, blocks a second, to all of them in a minute', built, BLOCKS / 60, '1/s', '>= 1'),
  );

  const cli = join(dir, 'cli');
  execFileSync('node', ['scripts/build.mjs', '--out', cli, 'cli'], { stdio: 'ignore' });
  const run = (...args: string[]) =>
    execFileSync('node', [join(cli, 'cli.cjs'), 'ledger', 'show', '--file', path, '--json', ...args]);
  const evict = () => {
    for (const file of files()) forget(file);
  };

  for (const [what, args, want] of [
    ['show --vmid', ['--vmid', String(WANTED)], wantVmid(WANTED)],
    ['get a block by its hash', ['--hash', hash], wantHash(hash)],
  ] as const) {
    const within = () => timed(() => count(path, want));
    const cold = await turns(() => {
      evict();
      return within();
    });
    const warm = await turns(within);
    rows.push(
      row(`${what}, 1 million blocks, cold, in the process, to what was asked`, cold, COLD_MS, 'ms', '<= 1'),
    );
    rows.push(
      row(`${what}, 1 million blocks, warm, in the process, to what was asked`, warm, WARM_MS, 'ms', '<= 1'),
    );
    const whole = async () => timed(async () => void run(...args));
    const coldCli = await turns(() => {
      evict();
      return whole();
    });
    const none = await turns(() =>
      timed(async () => void execFileSync('node', [join(cli, 'cli.cjs'), '--version'])),
    );
    rows.push(
      row(
        `${what}, 1 million blocks, cold, whole command, to what was asked`,
        coldCli,
        COLD_MS,
        'ms',
        '<= 1',
      ),
    );
    rows.push(
      row(`${what}, 1 million blocks, warm, whole command, to --version`, await turns(whole), none, 'ms'),
    );
    const needle = what === 'show --vmid' ? `"vmid":${WANTED}` : `"hash":"${hash}"`;
    const grep = await turns(() =>
      timed(async () => void execFileSync('grep', ['-F', needle, ...ledgerFiles])),
    );
    rows.push(row(`${what}, 1 million blocks, warm, in the process, to grep -F`, warm, grep, 'ms', '<= 0.2'));
  }
  return [...rows, await costOfIndex(dir)];
}

/** 64 writers with an index that is kept, and without. */
async function costOfIndex(dir: string): Promise<Row> {
  const rates: Record<'with' | 'without', number[]> = { with: [], without: [] };
  for (let turn = 0; turn < 3; turn++) {
    for (const which of ['without', 'with'] as const) {
      const path = join(dir, `${which}-${turn}`, 'ledger.jsonl');
      const ledger = await openLedger({ ...ORIGIN, path });
      const raise = (error: unknown) => {
        throw error;
      };
      const kept = which === 'with' ? keepIndex(ledger, { path, onError: raise, patienceMs: 0 }) : undefined;
      const end = performance.now() + SECONDS * 1000;
      let appended = 0;
      const write = async () => {
        for (; performance.now() < end; appended++) await ledger.append(entry(appended));
      };
      await Promise.all(Array.from({ length: 64 }, write));
      rates[which].push(Math.round(appended / SECONDS));
      await kept?.close();
      await ledger.close();
    }
  }
  return row(
    'appends, 64 writers, with the index kept, to without',
    median(rates.with),
    median(rates.without),
    '1/s',
    '>= 0.7',
  );
}

/** As the agent writes it, without its waits for the disk; returns the hash of the block in the middle. */
function writeMillion(path: string): string {
  mkdirSync(join(path, '..', 'ledger.d', 'segments'), { recursive: true });
  let prev = NO_HASH;
  let middle = '';
  let [text, written] = ['', 0];
  let file: number | undefined;
  let isLast = false;
  for (let n = 0; n < BLOCKS; n++) {
    if (written === 0 && text === '') {
      // What is left for the active file is less than a segment.
      isLast = BLOCKS - n < 120_000;
      const name = join(path, '..', 'ledger.d', 'segments', `${String(n + 1).padStart(20, '0')}.jsonl`);
      file = openSync(isLast ? path : name, 'w');
    }
    const draft = makeDraft(entry(n), ORIGIN, n, Date.UTC(2026, 0, 1) + 1000 * n);
    const { line, hash } = formatLine(blockText(draft, n + 1, prev));
    prev = hash;
    if (n === BLOCKS >> 1) middle = hash;
    text += line;
    const isFull = !isLast && written + text.length > SEGMENT_BYTES;
    if (file !== undefined && (text.length > 1 << 20 || isFull || n === BLOCKS - 1)) {
      writeSync(file, text);
      written += text.length;
      text = '';
      if (isFull) {
        closeSync(file);
        written = 0;
      }
    }
  }
  if (file !== undefined) closeSync(file);
  return middle;
}

function entry(n: number) {
  const vmid = 100 + (n % 997);
  const data = {
    ...{
      attempts: 1,
      bridge: 'ovsbr0',
      driver: 'ovsdb',
      guest: `web-${vmid}`,
      interface: `tap${vmid}i0`,
      ms: n % 700,
    },
    ...{ ofport: n % 900, port: `vi${vmid}`, runtime: 'proxmox-qemu', vmid },
  };
  const isIntent = n % 2 === 0;
  return {
    category: 'port',
    action: isIntent ? 'port_attach' : 'port_attached',
    data,
    cause: isIntent ? null : n,
    metadata: {
      event_id: `5d0c6f9e-9b3a-4f6e-8c0e-${String(n).padStart(12, '0')}`,
      kind: isIntent ? 'intent' : 'outcome',
    },
  } as const;
}

async function count(path: string, want: Want): Promise<void> {
  let found = 0;
  for await (const _ of queryBlocks(path, { wants: [want] }, { mayBlock: true })) found += 1;
  if (found === 0) throw new Error('nothing was found');
}

/** Takes what is in the page cache of a file out of it (posix_fadvise). */
function forget(file: string): void {
  execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath ?? one.path, one.name));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function turns(work: () => Promise<number>): Promise<number> {
  const found: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) found.push(await work());
  return Math.round(median(found) * 10) / 10;
}

function row(name: string, ours: number, peer: number, unit: string, limit?: string): Row {
  const ratio = Math.round((ours / peer) * 1000) / 1000;
  return { name, ours, peer, unit, ratio, ...(limit === undefined ? {} : { limit }) };
}
