// Fifty containers at once, and an agent that is killed in between.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadState } from '../../../../src/core/lib/state-file.ts';
import { heldLeases } from '../../../../src/netmaker/address/lease-state.ts';
import { LEASES } from '../../../../src/netmaker/address/lease-store.ts';

const ROUNDS = 10;
let directory: string;
let script: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'leases-killed-'));
  script = join(directory, 'claimer.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'claimer.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
    logLevel: 'error',
  });
});
afterAll(() => rm(directory, { recursive: true }));

/** Runs until it has printed `lines` lines and `ms` more, then is killed; answers with all it printed. */
async function runAndKill(path: string, from: number, lines: number, ms: number): Promise<string[]> {
  const child: ChildProcess = spawn(process.execPath, [script, path, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes;
  });
  const closed = once(child, 'close');
  while (output.split('\n').length <= lines) await once(child.stdout as NodeJS.ReadableStream, 'data');
  await sleep(ms);
  child.kill('SIGKILL');
  await closed;
  return output.split('\n').slice(0, -1);
}

it('no address is given twice, and each that was told is still held by the same container', async () => {
  const path = join(directory, 'leases.json');
  const told = new Map<string, string>();
  for (let round = 0; round < ROUNDS; round++) {
    // Every other round begins with containers of the one before: they must hear the same again.
    const from = (round >> 1) * 1000;
    const lines = await runAndKill(path, from, 1 + Math.floor(Math.random() * 120), Math.random() * 15);
    for (const line of lines) {
      const [word, n = '', ...addresses] = line.split(' ');
      expect(word).toBe('claimed');
      expect(addresses).toHaveLength(2);
      expect(told.get(n) ?? addresses.join(' ')).toBe(addresses.join(' '));
      told.set(n, addresses.join(' '));
    }
    const { state, problem } = await loadState(LEASES, path, Date.now());
    expect(problem).toBeUndefined();
    const held = heldLeases(state);
    for (const [n, addresses] of told) {
      const key = Number(n).toString(16).padStart(64, '0');
      expect(
        held
          .get(key)
          ?.addresses.map(({ address }) => address)
          .join(' '),
      ).toBe(addresses);
    }
    const all = [...held.values()].flatMap(({ addresses }) => addresses.map(({ address }) => address));
    expect(new Set(all).size).toBe(all.length);
  }
  expect(new Set([...told.values()].flatMap((addresses) => addresses.split(' '))).size).toBe(told.size * 2);
  // What a kill leaves beside the file is litter at most.
  expect((await readdir(directory)).filter((file) => file.includes('damaged'))).toEqual([]);
});
