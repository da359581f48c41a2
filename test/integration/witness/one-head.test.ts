// A witness never cosigns two heads of one size: not when it is killed at any moment, and not when two logs ask at the same time.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosignedAt } from '../../../src/core/ledger/note/cosignature.ts';
import {
  newSigner,
  readKeyOf,
  SIGNATURE,
  type Verifier,
  verifierText,
} from '../../../src/core/ledger/note/keys.ts';
import { parseNote } from '../../../src/core/ledger/note/signed-note.ts';
import { addCheckpointBody, parseSize, SIZE_TYPE } from '../../../src/witness/add-checkpoint.ts';
import { askOnce } from '../../../src/witness/client/ask-once.ts';
import { postCheckpoint } from '../../../src/witness/client/post.ts';
import { type MemoryLog, memoryLog } from '../../unit/witness/memory-log.ts';

let folder: string;
let script: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'opa-witness-'));
  script = join(folder, 'witness-alone.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'witness-alone.ts')],
    ...{ bundle: true, platform: 'node', format: 'esm', outfile: script, logLevel: 'error' },
    // One of the parts that are bundled is no module.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Running {
  url: string;
  key: Verifier;
  child: ChildProcessWithoutNullStreams;
  /** Resolves when it has died. */
  dead: Promise<unknown>;
  kill(): Promise<void>;
}

const keysIn = (name: string, logs: readonly MemoryLog[]): string => {
  const file = join(folder, `${name}.keys`);
  writeFileSync(file, logs.map(({ signer }) => `${verifierText(signer.verifier)}\n`).join(''));
  return file;
};

/** @param call that kills it when it is made for the `nth` time, after it listens */
async function start(name: string, keys: string, call?: { name: string; nth: number }): Promise<Running> {
  const node = [process.execPath, script, join(folder, name), keys];
  const inject = `inject=${call?.name}:signal=SIGKILL:when=${call?.nth}`;
  const strace = [
    'strace',
    '-f',
    '-qq',
    '-o',
    join(folder, 'trace'),
    '-e',
    `trace=${call?.name}`,
    '-e',
    inject,
  ];
  const [command = '', ...args] = call === undefined ? node : [...strace, ...node];
  const child = spawn(command, args, { detached: true });
  const dead = once(child, 'close');
  const line = once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text));
  const said = await Promise.race([line, dead.then(() => '')]);
  if (said === '') throw new Error('the witness ended before it listened');
  const { port, key } = JSON.parse(said);
  return {
    url: `http://127.0.0.1:${port}/`,
    key: readKeyOf(key, SIGNATURE.cosignature),
    child,
    dead,
    async kill() {
      // Its group: strace's own end would set the program free.
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL');
      await dead;
    },
  };
}

const post = ({ url }: Running, body: string) => postCheckpoint(body, { url, deadlineMs: 30_000 });

/** Every head that was cosigned, by its size. */
function cosignedHeads() {
  const roots = new Map<number, Set<string>>();
  return {
    roots,
    add(size: number, root: Buffer): void {
      roots.set(size, (roots.get(size) ?? new Set()).add(root.toString('hex')));
    },
    twice: () => [...roots].filter(([, of]) => of.size > 1),
  };
}

/** A log and its double: the same blocks up to now, other ones from now on, signed with the same key. */
function forkOf(log: MemoryLog, origin: string, blocks: number): MemoryLog {
  const fork = memoryLog(origin, log.signer);
  if (blocks > 0) fork.grow(blocks);
  fork.rollBack(blocks);
  return fork;
}

describe('a witness that is killed', () => {
  const ORIGIN = 'host.example/ledger';

  /** What it was asked when it died is asked again of the next one; then a fork of the same size. */
  async function askAgain(
    witness: Running,
    log: MemoryLog,
    before: number,
    heads: ReturnType<typeof cosignedHeads>,
  ): Promise<void> {
    const head = log.newest();
    if (head === undefined) throw new Error('nothing was signed');
    for (const believed of [before, head.size]) {
      const outcome = await askOnce(log, witness.key, believed, (body) => post(witness, body));
      expect(outcome).toMatchObject({ cosigned: { size: head.size } });
      const line = outcome && 'cosigned' in outcome ? outcome.cosigned.line : '';
      expect(cosignedAt(parseNote(head.note + line), witness.key)).toBeGreaterThan(1_700_000_000);
      heads.add(head.size, head.root);
    }
    const fork = forkOf(log, ORIGIN, 0);
    const other = fork.grow(head.size);
    expect(other.root.equals(head.root)).toBe(false);
    for (const believed of [0, before, head.size]) {
      const proof = await fork.consistency(believed, other.size);
      const { status } = await post(witness, addCheckpointBody(believed, proof, other.note));
      if (status === 200) heads.add(other.size, other.root);
      expect([believed, status]).toEqual([believed, 409]);
    }
  }

  it('at any moment has cosigned no other head of that size, and answers who asks again', async () => {
    const log = memoryLog(ORIGIN);
    const keys = keysIn('any', [log]);
    const heads = cosignedHeads();
    let before = 0;
    let answers = 0;
    for (let round = 0; round < 15; round++) {
      const dying = await start('any', keys);
      const { size, root, note } = log.grow(1 + (round % 4));
      const proof = await log.consistency(before, size);
      const asked = post(dying, addCheckpointBody(before, proof, note)).then(
        ({ status }) => {
          answers += 1;
          expect(status).toBe(200);
          heads.add(size, root);
        },
        () => undefined,
      );
      await sleep(Math.random() * 12);
      await dying.kill();
      await asked;
      const next = await start('any', keys);
      await askAgain(next, log, before, heads);
      await next.kill();
      before = size;
    }
    expect(heads.twice()).toEqual([]);
    expect(heads.roots.size).toBe(15);
    expect(answers).toBeLessThanOrEqual(15);
  });

  // The calls of one answer, in their order: written, on the device, in its place, the place on the device, said.
  it.each([
    ['before it writes', '', 0],
    ['before it is on the device', 'fsync', 1],
    ['before it is in its place', 'rename,renameat,renameat2', 1],
    ['before its place is on the device', 'fsync', 2],
  ])('%s, or between that and its answer, goes on as if nothing had been', async (_, name, nth) => {
    const log = memoryLog(ORIGIN);
    const directory = `at-${name.slice(0, 6)}-${nth}`;
    const keys = keysIn(directory, [log]);
    const heads = cosignedHeads();
    const first = await start(directory, keys);
    log.grow(3);
    await askAgain(first, log, 0, heads);
    await first.kill();
    // A start that finds its key makes none of these calls.
    const dying = nth === 0 ? await start(directory, keys) : await start(directory, keys, { name, nth });
    const { size, note } = log.grow(4);
    const asked = post(dying, addCheckpointBody(3, await log.consistency(3, size), note));
    const failed = expect(asked).rejects.toMatchObject({ code: 'witness-unreachable' });
    if (nth === 0) await dying.kill();
    await failed;
    await dying.dead;
    const next = await start(directory, keys);
    await askAgain(next, log, 3, heads);
    await next.kill();
    expect(heads.twice()).toEqual([]);
    // What an end left half written is gone.
    expect(
      readdirSync(join(folder, directory, 'seen')).filter((file) => !/^[0-9a-f]{64}\.json$/.test(file)),
    ).toEqual([]);
  });
});

describe('a witness that is killed at its first start', () => {
  it('has no key then, and makes one at the next', async () => {
    const log = memoryLog('host.example/ledger');
    const keys = keysIn('first', [log]);
    await expect(start('first', keys, { name: 'rename,renameat,renameat2', nth: 1 })).rejects.toThrow(
      'ended',
    );
    const witness = await start('first', keys);
    expect(readdirSync(join(folder, 'first')).sort()).toEqual(['key', 'seen']);
    await witness.kill();
    const again = await start('first', keys);
    expect(again.key.raw.equals(witness.key.raw)).toBe(true);
    await again.kill();
  });
});

describe('two logs that are one', () => {
  it('and ask at the same moment: one is cosigned, the other is told 409 with the size, a hundred times', async () => {
    const origins = Array.from({ length: 100 }, (_, n) => `host${n}.example/ledger`);
    const logs = origins.map((origin) => memoryLog(origin, newSigner(origin)));
    const witness = await start('race', keysIn('race', logs));
    const wins = [0, 0];
    for (const [n, one] of logs.entries()) {
      const origin = origins[n] ?? '';
      const common = n % 3 === 0 ? 0 : 5;
      if (common > 0) {
        const { size, note } = one.grow(common);
        expect((await post(witness, addCheckpointBody(0, [], note))).status).toBe(200);
        expect(size).toBe(common);
      }
      const both = [one, forkOf(one, origin, common)];
      const heads = both.map((log) => log.grow(4));
      expect(heads[0]?.root.equals(heads[1]?.root ?? Buffer.alloc(0))).toBe(false);
      const bodies = await Promise.all(
        both.map(async (log, which) =>
          addCheckpointBody(common, await log.consistency(common, common + 4), heads[which]?.note ?? ''),
        ),
      );
      const order = n % 2 === 0 ? [0, 1] : [1, 0];
      const replies = await Promise.all(
        order.map(async (which) => {
          const reply = await fetch(`${witness.url}add-checkpoint`, {
            method: 'POST',
            body: bodies[which] ?? '',
          });
          return { status: reply.status, type: reply.headers.get('content-type'), body: await reply.text() };
        }),
      );
      const winner = replies.findIndex(({ status }) => status === 200);
      const [won, lost] = [replies[winner], replies[1 - winner]];
      expect([origin, won?.status, lost?.status]).toEqual([origin, 200, 409]);
      expect(lost?.type).toBe(SIZE_TYPE);
      expect(parseSize(lost?.body ?? '')).toBe(common + 4);
      wins[order[winner] ?? 0] = (wins[order[winner] ?? 0] ?? 0) + 1;
      // With what it was told, the loser is no better off.
      const loser = both[order[1 - winner] ?? 0];
      const again = await askOnce(loser as MemoryLog, witness.key, common + 4, (body) => post(witness, body));
      expect(again).toMatchObject({ problem: { kind: 'forked' } });
    }
    await witness.kill();
    expect(wins[0] ?? 0).toBeGreaterThan(0);
    expect((wins[0] ?? 0) + (wins[1] ?? 0)).toBe(100);
  });
});
