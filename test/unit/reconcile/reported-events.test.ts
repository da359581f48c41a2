// What a guest can cause in the ledger has a bound, and what is left out is told.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { defaultConfig } from '../../../src/core/config/parse-config.ts';
import type { DockerEvent } from '../../../src/core/events/lifecycle-event.ts';
import type { Entry } from '../../../src/core/ledger/draft.ts';
import { openReportedEvents } from '../../../src/reconcile/reported-events.ts';

let blocks: Entry[];
let warnings: string[];

const open = (record: 'attached' | 'all' = 'attached') =>
  openReportedEvents({
    config: { docker: { ...defaultConfig().docker, record } },
    ledger: { append: async (entry: Entry) => void blocks.push(entry) as never },
    warn: (text) => void warnings.push(text),
    onError: (error) => expect.fail(String(error)),
  });
const health = (id: string): DockerEvent => ({
  id: 'event-0001',
  at: '2026-11-23T08:30:32.123Z',
  source: 'docker',
  phase: 'health',
  containerId: id.repeat(64),
  name: `web-${id}`,
  image: '',
});
const ours = { isOurs: true, skipped: [], note: '' };
const nobodys = { ...ours, isOurs: false };

beforeEach(() => {
  vi.useFakeTimers();
  blocks = [];
  warnings = [];
});
afterEach(() => vi.useRealTimers());

it('events of containers that are nobody’s are told only when asked for', () => {
  expect(open().isWorthABlock(health('a'), nobodys)).toBe(false);
  expect(open('all').isWorthABlock(health('a'), nobodys)).toBe(true);
  expect(open().isWorthABlock(health('a'), ours)).toBe(true);
});

it('a container whose health changes ten times a second for a day has a few thousand blocks, and each is counted', async () => {
  const told = open();
  let admitted = 0;
  const events = 24 * 36_000;
  for (let n = 0; n < events; n++) {
    if (told.isWorthABlock(health('a'), ours)) admitted++;
    else told.leaveOut(health('a'), ours);
    vi.advanceTimersByTime(100);
  }
  await told.close();
  const sums = blocks.map(({ data }) => data as { count: number; guest: string; phases: object });
  expect(admitted + blocks.length).toBeLessThan(5_000);
  expect(admitted + sums.reduce((sum, { count }) => sum + count, 0)).toBe(events);
  expect(sums[0]).toMatchObject({ guest: 'web-a', phases: { health: sums[0]?.count } });
});

it('one that floods takes nothing from another', () => {
  const told = open();
  for (let n = 0; n < 1000; n++) told.isWorthABlock(health('a'), ours);
  expect(told.isWorthABlock(health('b'), ours)).toBe(true);
});

it('what cannot be read is told in the journal and in the ledger, once and not for ever', () => {
  const told = open();
  for (let n = 0; n < 10; n++) told.noteUnreadable('docker', 'a line is not JSON');
  expect([blocks.length, warnings.length]).toEqual([1, 1]);
  for (let n = 0; n < 1000; n++) told.noteUnreadable('docker', `line ${n} is not JSON`);
  expect(blocks.length).toBeLessThan(50);
});
