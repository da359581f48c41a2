// Whatever takes the ledger's file from under the agent is named within a second; what the agent does itself is not mistaken for it.

import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Book, openBook } from '../../../src/agent/open-ledger.ts';
import { LEDGER_FILE } from '../../../src/core/ledger/file-actions.ts';
import { entryOf } from '../../../src/core/ledger/producer.ts';
import { openWatching } from '../../../src/core/lib/watch.ts';
import { scratch } from '../core/ledger/scratch.ts';

const limits = { bytes: 3000, ageMs: 86_400_000 };
const entry = entryOf(LEDGER_FILE, {
  action: 'ledger_segment_changed',
  data: { file: 'x', what: 'y'.repeat(300) },
});

async function opened(dir: string): Promise<{ path: string; book: Book }> {
  mkdirSync(join(dir, 'state'));
  const path = join(dir, 'state', 'ledger.jsonl');
  const origin = { hostname: 'pve1', bootId: 'boot-1', pid: 1, user: 'root' };
  const headFile = join(dir, 'head.json');
  const onError = (error: unknown) => expect(error).toBe(undefined);
  const parts = { headFile, watching: openWatching(), now: Date.now, onError };
  const book = await openBook({ path, ...origin, limits }, parts);
  for (let n = 0; n < 3; n++) await book.ledger.append(entry);
  return { path, book };
}

describe('a ledger that is taken away', () => {
  it.each<[string, (path: string) => void, RegExp]>([
    ['a logrotate that renames', (path) => renameSync(path, `${path}.1`), /moved or removed/],
    [
      'a logrotate that renames and makes a new one',
      (path) => {
        renameSync(path, `${path}.1`);
        writeFileSync(path, '');
      },
      /another file/,
    ],
    [
      'a logrotate with copytruncate',
      (path) => {
        copyFileSync(path, `${path}.1`);
        truncateSync(path);
      },
      /cut from \d+ to 0/,
    ],
    [
      'an editor that writes a new file over it',
      (path) => {
        copyFileSync(path, `${path}.swp`);
        renameSync(`${path}.swp`, path);
      },
      /another file/,
    ],
    ['an editor that writes into it', (path) => appendFileSync(path, 'x\n'), /wrote 2 bytes/],
    ['rm', (path) => rmSync(path), /moved or removed/],
    [
      'a folder that is moved',
      (path) => renameSync(dirname(path), `${dirname(path)}.old`),
      /moved or removed/,
    ],
  ])('by %s is noticed within a second, and named', async (_, take, says) => {
    using place = scratch();
    const { path, book } = await opened(place.dir);
    const started = performance.now();
    take(path);
    expect(await book.lost).toMatch(says);
    expect(performance.now() - started).toBeLessThan(1000);
    await expect(book.ledger.append(entry)).rejects.toMatchObject({ code: 'ledger-write-failed' });
    await book.close();
  });

  it('by nobody but the agent, which seals it, goes on', async () => {
    using place = scratch();
    const { book } = await opened(place.dir);
    let sealings = 0;
    book.ledger.onSealed(() => {
      sealings += 1;
    });
    const lost: string[] = [];
    void book.lost.then((what) => lost.push(what));
    for (let n = 0; n < 60; n++) await book.ledger.append(entry);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sealings).toBeGreaterThan(5);
    expect(lost).toEqual([]);
    await book.close();
  });
});
