// Whoever thins the checkpoints may die in any call, and each may fail: the file is the whole one or the thinned one, and never half of each.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyEvidence } from '../../../../src/core/ledger/checkpoint/verify-evidence.ts';
import { agedLedger, copyOf, END, file } from './aged-ledger.ts';
import { type Scratch, scratch } from './scratch.ts';

const place = scratch();
const script = join(place.dir, 'thinning-once.mjs');
let original: Scratch;
let thinned: Buffer;

beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'thinning-once.ts')],
    ...{ bundle: true, platform: 'node', format: 'esm', outfile: script, logLevel: 'error' },
  });
  ({ original } = await agedLedger());
  using here = copyOf(original);
  await run([process.execPath, script, here.path]);
  thinned = readFileSync(file(here));
  expect(thinned.length).toBeLessThan(readFileSync(file(original)).length);
}, 60_000);
afterAll(() => {
  place[Symbol.dispose]();
  original[Symbol.dispose]();
});

async function run([program = '', ...argv]: readonly string[]): Promise<void> {
  await once(spawn(program, argv, { stdio: ['ignore', 'ignore', 'ignore'] }), 'close');
}

/** With the manieth call that touches the file, its successor or their directory meddled with. Whether one was. */
async function tampered(here: Scratch, call: string, fault: string, when: number): Promise<boolean> {
  const log = join(here.dir, 'strace.log');
  const side = join(here.dir, 'ledger.d');
  const touched = [side, file(here), `${file(here)}.part`].flatMap((name) => ['-P', name]);
  const tamper = ['-e', `trace=${call}`, '-e', `inject=${call}:${fault}:when=${when}`];
  await run(['strace', '-f', '-qq', '-o', log, ...touched, ...tamper, process.execPath, script, here.path]);
  return /INJECTED|killed by SIGKILL/.test(readFileSync(log, 'utf8'));
}

describe.each(['openat', 'pread64', 'write', 'fsync', 'rename', 'fchmod'])('thinning whose %s', (call) => {
  it.each(['error=EIO', 'error=ENOSPC', 'signal=KILL'])(
    'fails (%s) leaves one whole file',
    async (fault) => {
      let hits = 0;
      for (const when of [1, 3]) {
        using here = copyOf(original);
        if (await tampered(here, call, fault, when)) hits += 1;
        const left = readFileSync(file(here));
        expect([readFileSync(file(original)), thinned].some((whole) => whole.equals(left))).toBe(true);
        expect((await verifyEvidence(here.path, { now: () => END })).verdict).toBe('ok');
        await run([process.execPath, script, here.path]);
        expect(readFileSync(file(here)).equals(thinned)).toBe(true);
      }
      expect(hits).toBeGreaterThan(0);
    },
    90_000,
  );
});
