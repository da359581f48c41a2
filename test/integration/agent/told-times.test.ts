// What is told for a week is told for a week, by the time that has passed: a new epoch, and a chain that was lost.

import { copyFileSync, mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkpointsOf } from '../../../src/agent/open-checkpoints.ts';
import { openBook } from '../../../src/agent/open-ledger.ts';
import { defaultConfig } from '../../../src/core/config/parse-config.ts';
import { openWatching } from '../../../src/core/lib/watch.ts';
import { healthOf } from '../../../src/diagnose/health.ts';
import { entry } from '../core/ledger/scratch.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-11-30T10:00:00Z');
const onError = (error: unknown) => expect(error).toBe(undefined);

let dir: string;
let [ran, said] = [0, 0];
const clocks = { now: () => START + ran + said, steady: () => ran };
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'opa-told-'));
  [ran, said] = [0, 0];
});
afterEach(() => rmSync(dir, { recursive: true }));

async function started() {
  const path = join(dir, 'ledger.jsonl');
  const origin = { hostname: 'pve1', bootId: 'boot-1', pid: 1, user: 'root' };
  const watching = openWatching();
  const parts = { headFile: join(dir, 'head.json'), watching, ...clocks, onError };
  const book = await openBook({ path, ...origin, clock: clocks }, parts);
  const { checkpoints, epoch } = await checkpointsOf({
    ledger: book.ledger,
    config: { ledger: { ...defaultConfig().ledger, path } },
    host: { hostname: 'pve1', bootId: 'boot-1', machineId: 'a'.repeat(32) } as never,
    log: { error: () => undefined } as never,
    ...clocks,
    onError,
  });
  await checkpoints.started;
  return {
    path,
    append: () => book.ledger.append(entry(1) as never),
    told: () => [
      ...(book.loss() ? ['lost'] : []),
      ...healthOf({
        bridges: [],
        ports: [],
        ledger: { path, loss: book.loss(), epoch: epoch() },
        now: clocks.now(),
      }).map(({ fault }) => fault),
    ],
    async close() {
      await checkpoints.close();
      await book.close();
    },
  };
}

/** An agent that finds its ledger emptied. */
async function bereft(): Promise<Awaited<ReturnType<typeof started>>> {
  const before = await started();
  for (let n = 0; n < 3; n++) await before.append();
  await before.close();
  copyFileSync(before.path, `${before.path}.1`);
  truncateSync(before.path);
  return started();
}

it('tells for a week, however the clock jumps meanwhile', async () => {
  const agent = await bereft();
  for (const jump of [0, 365 * DAY, -DAY, -START, 0]) {
    said = jump === -START ? 12 - START - ran : jump;
    ran += DAY;
    expect([jump, agent.told()]).toEqual([jump, ['lost', 'ledger-epoch']]);
  }
  ran += 3 * DAY;
  expect(agent.told()).toEqual([]);
  await agent.close();
});

it('tells of what happened by a clock of 1970 for a week after the next start', async () => {
  said = 12 - START;
  const agent = await bereft();
  await agent.close();
  said = 0;
  const again = await started();
  expect(again.told()).toEqual(['lost', 'ledger-epoch']);
  await again.close();
  const { at } = JSON.parse(await readFile(join(dir, 'ledger.d', 'epoch.json'), 'utf8'));
  expect(at).toBe(new Date(START).toISOString());
  ran += 8 * DAY;
  const last = await started();
  expect(last.told()).toEqual([]);
  await last.close();
});

it('tells of it when the clock is right again, after a start by one that was a year ahead', async () => {
  const agent = await bereft();
  await agent.close();
  said = 365 * DAY;
  const ahead = await started();
  expect(ahead.told()).toEqual([]);
  said = 0;
  expect(ahead.told()).toEqual(['lost', 'ledger-epoch']);
  await ahead.close();
});
