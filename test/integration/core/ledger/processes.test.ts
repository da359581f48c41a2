// Two processes, and processes that are killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBlocks, verifyLedger } from '../../../../src/core/ledger/index.ts';
import { takeLock } from '../../../../src/core/ledger/lock.ts';
import { entry, open, scratch } from './scratch.ts';

const place = scratch();
const script = join(place.dir, 'appender.mjs');
beforeAll(async () => {
  await build({
    entryPoints: [join(import.meta.dirname, 'appender.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
    logLevel: 'error',
  });
});
afterAll(() => place[Symbol.dispose]());

type Appender = { child: ChildProcess; output(): string };

async function startAppender(path: string): Promise<Appender> {
  const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes;
  });
  // Until the first block is acknowledged.
  while (output.split('\n').length < 3) await once(child.stdout as NodeJS.ReadableStream, 'data');
  return { child, output: () => output };
}

async function kill({ child }: Appender): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

describe('a writer that is killed again and again', () => {
  it('has every acknowledged block in the file, and the chain holds', async () => {
    using here = scratch();
    const acknowledged = new Map<number, string>();
    for (let round = 0; round < 8; round++) {
      const appender = await startAppender(here.path);
      await sleep(20 + round * 25);
      await kill(appender);
      const lines = appender.output().split('\n').slice(1, -1);
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        const [height, hash = ''] = line.split(' ');
        acknowledged.set(Number(height), hash);
      }
      const ledger = await open(here.path);
      await ledger.close();
      expect(await verifyLedger(here.path)).toMatchObject({ verdict: 'ok' });
    }
    for await (const { height, hash } of readBlocks(here.path)) {
      const known = acknowledged.get(height);
      if (known !== undefined) expect(hash).toBe(known);
      acknowledged.delete(height);
    }
    expect(acknowledged.size).toBe(0);
  });
});

describe('a second writer', () => {
  it('is refused while the first lives, in another process or in this one, and let in after it', async () => {
    using here = scratch();
    const appender = await startAppender(here.path);
    await expect(open(here.path)).rejects.toMatchObject({ code: 'ledger-locked' });
    appender.child.kill('SIGSTOP');
    await expect(open(here.path)).rejects.toMatchObject({ code: 'ledger-locked' });
    await kill(appender);
    const ledger = await open(here.path);
    await expect(open(here.path)).rejects.toMatchObject({ code: 'ledger-locked' });
    await ledger.close();
    await (await open(here.path)).close();
    expect(readdirSync(join(here.dir, 'ledger.d'))).toEqual([expect.stringMatching(/^lock\.\d+$/)]);
  });

  it('is refused also when many start at once over the lock of a dead one', async () => {
    using here = scratch();
    for (let round = 0; round < 15; round++) {
      await leaveDeadLock(join(here.dir, 'ledger.d'), 100 * (round + 1));
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => open(here.path)));
      const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ledger-locked' });
      expect(won).toHaveLength(1);
      for (const ledger of won) {
        await ledger.append(entry(round));
        await ledger.close();
      }
    }
    expect(await verifyLedger(here.path)).toMatchObject({ verdict: 'ok', blocks: 15 });
  });

  it('is refused in a directory with a path too long for a socket address', async () => {
    using here = scratch();
    const path = join(here.dir, 'd'.repeat(120), 'ledger.jsonl');
    const ledger = await open(path);
    await expect(open(path)).rejects.toMatchObject({ code: 'ledger-locked' });
    await ledger.close();
  });
});

describe('a lock that cannot be taken', () => {
  it('is told with what the file system says, and nothing stays open', async () => {
    using here = scratch('a file');
    const open = readdirSync('/proc/self/fd').length;
    await expect(takeLock(here.path)).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
    const deep = join(here.dir, ...Array.from({ length: 40 }, () => 'd'.repeat(100)));
    const tooDeep = join(deep, 'd'.repeat(4085 - deep.length));
    mkdirSync(tooDeep, { recursive: true });
    await expect(takeLock(tooDeep)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
    expect(readdirSync('/proc/self/fd').length).toBe(open);
  });
});

// What SIGKILL leaves: the name of a socket that nobody listens on.
async function leaveDeadLock(dir: string, generation: number): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const code = `require('net').createServer().listen(${JSON.stringify(join(dir, `lock.${generation}`))}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', code]), 'close');
}
