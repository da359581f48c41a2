// Whatever takes the ledger's file from under the agent is named within a second; what the agent does itself is not mistaken for it.

import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type Book, openBook } from '../../../src/agent/open-ledger.ts';
import { LEDGER_FILE } from '../../../src/core/ledger/file-actions.ts';
import type { FirstBad } from '../../../src/core/ledger/index.ts';
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
  const parts = {
    headFile,
    watching: openWatching(),
    now: Date.now,
    steady: () => performance.now(),
    onError,
  };
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

describe('what was wrong with a ledger before the agent was started again', () => {
  const origin = { hostname: 'pve1', bootId: 'boot-1', pid: 1, user: 'root' };
  const again = (dir: string, now = Date.now, onBroken?: (broken: FirstBad) => void) =>
    openBook(
      { path: join(dir, 'state', 'ledger.jsonl'), ...origin, limits },
      {
        ...{ headFile: join(dir, 'head.json'), watching: openWatching(), now, steady: () => 0 },
        onError: (error: unknown) => expect(error).toBe(undefined),
        ...(onBroken && { onBroken }),
      },
    );

  it('is still told: a segment that is gone, until it is back', async () => {
    using place = scratch();
    const { path, book } = await opened(place.dir);
    for (let n = 0; n < 40; n++) await book.ledger.append(entry);
    await book.close();
    const segments = `${path.slice(0, -'.jsonl'.length)}.d/segments`;
    const name = readdirSync(segments).sort()[1] ?? '';
    renameSync(join(segments, name), join(place.dir, name));
    const told: FirstBad[] = [];
    const without = await again(place.dir, Date.now, (broken) => told.push(broken));
    await vi.waitFor(() => expect(without.broken()?.reason).toBe('missing'));
    expect(told).toEqual([without.broken()]);
    await without.close();
    renameSync(join(place.dir, name), join(segments, name));
    const whole = await again(place.dir);
    await whole.ledger.history();
    expect(whole.broken()).toBe(undefined);
    await whole.close();
  });

  it('is still told: what could not be written, for a week', async () => {
    using place = scratch();
    const { book } = await opened(place.dir);
    expect(book.gap()).toBe(undefined);
    const gap = {
      since: '2026-11-30T10:00:00.000Z',
      until: '2026-11-30T10:02:00.000Z',
      failed: 3,
      error: 'full',
    };
    const clock = (days: number) => () => Date.parse(gap.until) + days * 86_400_000;
    const { height } = await book.ledger.append(entryOf(LEDGER_FILE, { action: 'ledger_gap', data: gap }));
    await book.close();
    const soon = await again(place.dir, clock(6));
    await vi.waitFor(() => expect(soon.gap()).toEqual({ ...gap, height }));
    const { height: next } = await soon.ledger.append(
      entryOf(LEDGER_FILE, { action: 'ledger_gap', data: { ...gap, failed: 4 } }),
    );
    expect(soon.gap()).toEqual({ ...gap, failed: 4, height: next });
    await soon.close();
    const late = await again(place.dir, clock(8));
    await late.ledger.history();
    expect(late.gap()).toBe(undefined);
    await late.close();
  });
});
