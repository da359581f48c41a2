// A million blocks with their checkpoints: what verifying, proving and opening them takes, and what checkpoints cost an append.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bodyAt } from '../src/core/ledger/checkpoint/catch-up.ts';
import { openCheckpoints } from '../src/core/ledger/checkpoint/checkpoints.ts';
import { proveBlock } from '../src/core/ledger/checkpoint/prove.ts';
import { verifyEvidence } from '../src/core/ledger/checkpoint/verify-evidence.ts';
import { type LedgerWriter, openLedger } from '../src/core/ledger/index.ts';
import { median, options, type Row, row, sample } from './ledger-parts.ts';

const BLOCKS = Number(process.env.OPA_BENCH_BLOCKS ?? 1e6);
const TURNS = 3;

export async function evidence(dir: string): Promise<Row[]> {
  const path = join(dir, 'million.jsonl');
  await fill(path);
  return [
    ...(await verifications(path)),
    ...(await proofs(path)),
    await opening(path),
    ...(await appendsBeside(dir)),
  ];
}

const signing = (ledger: LedgerWriter, path: string, everySeconds: number) =>
  openCheckpoints({
    ...{ ledger, path, hostname: 'pve1', machineId: 'a'.repeat(32), origin: '', everySeconds },
    ...{ heartbeatSeconds: 3600, now: Date.now, mono: () => performance.now() / 1000 },
    onError: (error) => process.stderr.write(`${error}\n`),
    onEpoch: () => undefined,
  });

async function fill(path: string): Promise<void> {
  const ledger = await openLedger(options(path));
  const checkpoints = signing(ledger, path, 60);
  for (let height = ledger.head().height; height < BLOCKS; height = ledger.head().height)
    await Promise.all(Array.from({ length: 2000 }, (_, n) => ledger.append(sample(height + n))));
  await checkpoints.close();
  await ledger.close();
}

/** All files with blocks, in order. */
function filesOf(path: string): string[] {
  const segments = join(path.replace(/\.jsonl$/, '.d'), 'segments');
  const sealed = readdirSync(segments).sort();
  return [...sealed.map((name) => join(segments, name)), path];
}

async function verifications(path: string): Promise<Row[]> {
  const files = filesOf(path);
  const megabytes = files.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6;
  const rows: Row[] = [];
  for (const [mode, limit] of [
    ['fast', '>= 0.4'],
    ['strict', '>= 0.15'],
  ] as const) {
    const peers: number[] = [];
    const ours: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      peers.push(
        megabytes / (await seconds(() => void execFileSync('openssl', ['dgst', '-sha256', ...files]))),
      );
      ours.push(megabytes / (await seconds(() => verifyEvidence(path, { mode, now: Date.now }))));
    }
    rows.push(
      row(
        `verify (${mode}) with checkpoints, to openssl dgst -sha256`,
        median(ours),
        median(peers),
        'MB/s',
        limit,
      ),
    );
  }
  rows.push(row('memory of ledger verify, to 100 MB', memoryOfVerify(path), 100, 'MB', '<= 1'));
  rows.push(row('memory of ledger verify, to --version', memoryOfVerify(path), memoryOf('--version'), 'MB'));
  return rows;
}

const memoryOfVerify = (path: string) => memoryOf('ledger', 'verify', path);

/** Of a command of the package, at its most. */
function memoryOf(...args: string[]): number {
  const tell =
    "process.on('exit', () => process.stderr.write('\\nrss=' + process.resourceUsage().maxRSS + '\\n'))";
  const hook = join(mkdtempSync(join(tmpdir(), 'opa-rss-')), 'tell.cjs');
  writeFileSync(hook, tell);
  const cli = join('dist', 'bench', 'cli');
  execFileSync('node', ['scripts/build.mjs', '--out', cli, 'cli'], { stdio: 'ignore' });
  // By way of a small program: the kernel counts for a process also what it was before exec(2), a copy of this large one.
  const command = ['node', '--require', hook, join(cli, 'cli.cjs'), ...args];
  const { stderr, status } = spawnSync('sh', ['-c', '"$@"; exit $?', 'sh', ...command], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  const kibibytes = Number(/rss=(\d+)/.exec(stderr)?.[1] ?? Number.NaN);
  return Math.round((kibibytes * 1.024) / 100) / 10;
}

async function proofs(path: string): Promise<Row[]> {
  const heights = Array.from({ length: 20 }, (_, n) => 1 + Math.floor((BLOCKS * n) / 20));
  const ours: number[] = [];
  const peers: number[] = [];
  for (const height of heights) {
    peers.push(1000 * (await seconds(() => bodyAt(path, height))));
    ours.push(1000 * (await seconds(() => proveBlock(path, height))));
  }
  const name = `proof at ${BLOCKS} blocks`;
  return [
    row(`${name}, to reading the block alone`, median(ours), median(peers), 'ms'),
    row(`${name}, to 50 ms`, median(ours), 50, 'ms', '<= 1'),
  ];
}

async function opening(path: string): Promise<Row> {
  const ours: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    let ledger: LedgerWriter | undefined;
    ours.push(
      1000 *
        (await seconds(async () => {
          ledger = await openLedger(options(path));
        })),
    );
    await ledger?.close();
  }
  return row(`opening ${BLOCKS} blocks, to 50 ms`, median(ours), 50, 'ms', '<= 1');
}

/** The same appends with and without checkpoints; one a second, which is sixty times as many as there are by default. */
async function appendsBeside(dir: string): Promise<Row[]> {
  const rates: Record<'with' | 'without', number[]> = { with: [], without: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    for (const kind of ['without', 'with'] as const) {
      const path = join(dir, `${kind}-${turn}.jsonl`);
      const ledger = await openLedger(options(path));
      const checkpoints = kind === 'with' ? signing(ledger, path, 1) : undefined;
      await checkpoints?.started;
      const end = performance.now() + 2000;
      let count = 0;
      const write = async () => {
        for (; performance.now() < end; count++) await ledger.append(sample(count));
      };
      await Promise.all(Array.from({ length: 64 }, write));
      rates[kind].push(count / 2);
      await checkpoints?.close();
      await ledger.close();
    }
  }
  return [
    row(
      'appends of 64 writers with a checkpoint each second, to those without',
      median(rates.with),
      median(rates.without),
      '1/s',
    ),
  ];
}

async function seconds(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
