// Killed at any moment, and with any call to the file system failing: no acknowledged block is ever missing, doubled or changed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBlocks, verifyLedger } from '../../../../src/core/ledger/index.ts';
import { segmentName } from '../../../../src/core/ledger/segments.ts';
import { entry, open, type Scratch, scratch } from './scratch.ts';

const place = scratch();
const script = join(place.dir, 'appender.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'rotating-appender.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
    logLevel: 'error',
  });
});
afterAll(() => place[Symbol.dispose]());

type Run = { acknowledged: Map<number, string>; signal: string | null };

/** Resolves when the program has ended. `onBlock` is called after each acknowledged block that is seen here. */
async function run(
  argv: readonly string[],
  onBlock: (kill: () => void) => void = () => undefined,
): Promise<Run> {
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes;
    onBlock(() => void child.kill('SIGKILL'));
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  // A line without an end was being printed.
  const lines = output.split('\n').slice(0, -1);
  const acknowledged = lines
    .map((line) => line.split(' '))
    .map(([height, hash = '']) => [Number(height), hash] as const);
  return { acknowledged: new Map(acknowledged), signal };
}

/** What the next start makes of it: a whole chain, with every block that was acknowledged and still has its body. */
async function demandWhole(here: Scratch, acknowledged: ReadonlyMap<number, string>): Promise<void> {
  await (await open(here.path)).close();
  const result = await verifyLedger(here.path);
  expect(result.verdict, JSON.stringify(result.firstBad)).toBe('ok');
  const from = (result.start?.height ?? 0) + 1;
  const found = new Map<number, string>();
  for await (const { height, hash } of readBlocks(here.path)) found.set(height, hash);
  expect(found.size).toBe(result.blocks);
  for (const [height, hash] of acknowledged)
    if (height >= from) expect([height, found.get(height)]).toEqual([height, hash]);
}

describe('a writer that is killed while it seals, packs and drops', () => {
  it.each([
    ['packs', 0],
    ['packs and drops', 6000],
  ])('(it %s) has every acknowledged block', async (_, keep) => {
    using here = scratch();
    const all = new Map<number, string>();
    for (let round = 0; round < 12; round++) {
      const { acknowledged } = await run(
        [process.execPath, script, here.path, '100000', `${keep}`],
        (kill) => {
          void sleep(Math.random() * 150).then(kill);
        },
      );
      expect(acknowledged.size).toBeGreaterThan(0);
      for (const [height, hash] of acknowledged) all.set(height, hash);
      await demandWhole(here, all);
    }
  });
});

const CALLS = [
  'openat',
  'pwrite64',
  'fsync',
  'link',
  'rename',
  'unlink',
  'ftruncate',
  'mkdir',
  'fchmod',
  'write',
];
const FAULTS = ['error=EIO', 'error=ENOSPC', 'signal=KILL'];
const COUNT = 60;

/** Every file that a ledger may touch: strace tampers only with calls on these. */
function filesOf({ dir, path }: Scratch): string[] {
  const side = join(dir, 'ledger.d');
  const segments = Array.from({ length: 2 * COUNT }, (_, n) => join(side, 'segments', segmentName(n + 1)));
  const all = segments.flatMap((name) => [name, `${name}.gz`, `${name}.gz.part`]);
  return [dir, side, path, join(side, 'next.jsonl'), join(side, 'segments'), join(side, 'torn'), ...all];
}

async function tampered(here: Scratch, call: string, fault: string, when: number) {
  const log = join(here.dir, 'strace.log');
  const files = filesOf(here).flatMap((file) => ['-P', file]);
  const tamper = ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}:when=${when}`];
  const found = await run([
    'strace',
    '-f',
    '-qq',
    '-o',
    log,
    ...files,
    ...tamper,
    process.execPath,
    script,
    here.path,
    `${COUNT}`,
    '9000',
  ]);
  const text = readFileSync(log, 'utf8');
  return { ...found, isHit: text.includes('INJECTED') || text.includes('killed by SIGKILL') };
}

describe.each(CALLS)('a ledger whose %s', (call) => {
  it.each(FAULTS)('fails once (%s) at some moment loses nothing', async (fault) => {
    let hits = 0;
    // The first call for certain, then one of the next: each thread of Node's pool is counted for itself.
    for (const when of [1, 2 + Math.floor(Math.random() * 4)]) {
      using here = scratch();
      const ledger = await open(here.path);
      const { height, hash } = await ledger.append(entry(1));
      await ledger.close();
      appendFileSync(here.path, '{"block":{"action":"an unfinished li');
      const { acknowledged, isHit } = await tampered(here, call, fault, when);
      if (isHit) hits += 1;
      await demandWhole(here, new Map([...acknowledged, [height, hash]]));
    }
    expect(hits).toBeGreaterThan(0);
  });
});
