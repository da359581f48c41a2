// Whoever signs may die at any moment: no note that was given out is lost, no head is signed in two ways, no epoch begins for it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoints } from '../../../../src/core/ledger/checkpoint/checkpoint-file.ts';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { type Scratch, scratch } from './scratch.ts';

const place = scratch();
const script = join(place.dir, 'signing-loop.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'signing-loop.ts')],
    ...{ bundle: true, platform: 'node', format: 'esm', outfile: script, logLevel: 'error' },
  });
});
afterAll(() => place[Symbol.dispose]());

type Said = [word: string, value: string];

interface Run {
  said: Said[];
  /** How many system calls strace has meddled with; a call that kills is one. */
  injected: number;
}

/** How often strace has meddled with a call, as its log says. */
const meddledIn = (trace: string): number => {
  try {
    return readFileSync(trace, 'utf8').match(/\(INJECTED\)/g)?.length ?? 0;
  } catch {
    return 0;
  }
};

/** More than a busy machine needs for what is waited for. */
const PATIENCE_MS = 20_000;

/**
 * Runs the loop until it has said something and then for `ms`; under strace until it dies, or has been met by some faults.
 */
async function run(here: Scratch, ms: number, call?: string, fault?: string): Promise<Run> {
  const trace = join(here.dir, 'trace');
  rmSync(trace, { force: true });
  const node = [process.execPath, script, here.path];
  const strace = ['strace', '-f', '-qq', '-o', trace, '-e', `trace=${call}`, '-e', `inject=${call}:${fault}`];
  const [command = '', ...args] = call === undefined ? node : [...strace, ...node];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const said: Said[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    try {
      said.push(JSON.parse(line) as Said);
    } catch {
      // The line that it was killed in.
    }
  });
  let isDead = false;
  const closed = once(child, 'close').then(() => {
    isDead = true;
  });
  await Promise.race([closed, once(lines, 'line')]);
  if (call === undefined) await Promise.race([closed, sleep(ms)]);
  for (const end = Date.now() + PATIENCE_MS; call !== undefined && !isDead && Date.now() < end; ) {
    if (meddledIn(trace) >= ENOUGH) break;
    await Promise.race([closed, sleep(50)]);
  }
  const died = isDead;
  // Its group: strace's own end would set the program free.
  if (!died && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  await closed;
  if (call === undefined) return { said, injected: 0 };
  return { said, injected: fault?.startsWith('signal') ? Number(died) : meddledIn(trace) };
}

/** Faults in one run. */
const ENOUGH = 4;

async function demandAllKept(here: Scratch, said: readonly Said[]): Promise<void> {
  const { all } = await readCheckpoints(join(here.dir, 'ledger.d', 'checkpoints.jsonl'));
  const kept = new Set(all.map(({ text }) => text));
  for (const [word, note] of said) if (word === 'signed') expect(kept).toContain(note);
  const roots = new Map<string, string>();
  for (const { checkpoint } of all) {
    const name = `${checkpoint.origin} ${checkpoint.size}`;
    const root = checkpoint.root.toString('hex');
    expect(roots.get(name) ?? root).toBe(root);
    roots.set(name, root);
  }
}

/** Each thread's calls are counted apart: the first that is meddled with, and each how manieth after it. */
const CALLS: [call: string, first: number, step: number][] = [
  ['write', 20, 7],
  ['pwrite64', 12, 5],
  ['fsync', 5, 3],
  ['fdatasync', 12, 5],
  ['openat', 40, 5],
  ['rename', 3, 2],
];

// Twice the patience of each of its two runs, and the rest.
describe('a signer', { timeout: 90_000 }, () => {
  it('that is killed again and again goes on where it was', async () => {
    using here = scratch();
    const said: Said[] = [];
    for (let round = 0; round < 5; round++) {
      said.push(...(await run(here, 30 + round * 40)).said);
      expect(['ok', 'torn-tail']).toContain((await verifyEvidence(here.path, { now: Date.now })).verdict);
    }
    said.push(...(await run(here, 100)).said);
    await demandAllKept(here, said);
    expect(said.filter(([word]) => word === 'signed').length).toBeGreaterThan(20);
    expect(said.filter(([word]) => word === 'epoch' || word === 'error')).toEqual([]);
  });

  it.each(CALLS)('that dies in a %s goes on where it was', async (call, first) => {
    using here = scratch();
    const { said } = await run(here, 30);
    let deaths = 0;
    for (const when of [first, first * 2]) {
      const one = await run(here, 0, call, `signal=KILL:when=${when}`);
      said.push(...one.said);
      deaths += one.injected;
      expect(['ok', 'torn-tail']).toContain((await verifyEvidence(here.path, { now: Date.now })).verdict);
    }
    expect(deaths).toBeGreaterThan(0);
    said.push(...(await run(here, 30)).said);
    await demandAllKept(here, said);
    expect(said.filter(([word]) => word === 'epoch')).toEqual([]);
  });

  it.each(CALLS)(
    'whose every few %s fail gives out no head that does not hold',
    async (call, first, step) => {
      using here = scratch();
      const { said } = await run(here, 30);
      let failures = 0;
      for (const fault of ['EIO', 'ENOSPC']) {
        const one = await run(here, 0, call, `error=${fault}:when=${first}+${step}`);
        said.push(...one.said);
        failures += one.injected;
      }
      expect(failures).toBeGreaterThan(0);
      said.push(...(await run(here, 30)).said);
      await demandAllKept(here, said);
      expect(['ok', 'torn-tail']).toContain((await verifyEvidence(here.path, { now: Date.now })).verdict);
      expect(said.filter(([word]) => word === 'epoch')).toEqual([]);
    },
  );
});
