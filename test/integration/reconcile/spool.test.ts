// An event in the spool is absorbed exactly once, whatever happens in between.

import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LifecycleEvent } from '../../../src/core/events/lifecycle-event.ts';
import { spoolEvent } from '../../../src/core/events/spool.ts';
import { openWatching } from '../../../src/core/lib/watch.ts';
import { spoolAbsorber } from '../../../src/reconcile/absorb-spool.ts';

let directory: string;
let handled: string[];
let rejected: string[];
let leftOut: number[];
let clock: number;
let recorded: Map<string, number>;

const event = (id: string): LifecycleEvent => ({
  id: `event-${id}`,
  at: '2026-11-23T08:30:32.123Z',
  source: 'proxmox',
  phase: 'post-start',
  vmid: 101,
});

const note = async (found: LifecycleEvent, height?: number): Promise<unknown> =>
  handled.push(height === undefined ? found.id : `${found.id} of block ${height}`);
const absorber = (handle = note) =>
  spoolAbsorber({
    directory,
    watching: openWatching(),
    recorded: async (ids) => new Map([...recorded].filter(([id]) => ids.has(id))),
    handle,
    onRejected: async (file) => void rejected.push(file),
    onLeftOut: async (count) => void leftOut.push(count),
    now: () => clock,
  });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-'));
  handled = [];
  rejected = [];
  leftOut = [];
  clock = Date.now();
  recorded = new Map();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the spool', () => {
  it('is absorbed in the order in which the events happened', async () => {
    for (const [index, id] of ['first', 'second', 'third'].entries()) {
      spoolEvent(event(id), directory, 1_700_000_000_000 + index);
    }
    await absorber().absorb();
    expect(handled).toEqual(['event-first', 'event-second', 'event-third']);
    expect(await readdir(directory)).toEqual([]);
  });

  it('that no hook and no agent has made yet is empty', async () => {
    await rm(directory, { recursive: true });
    const fresh = absorber();
    expect([await fresh.absorb(), await fresh.waiting()]).toEqual([0, 0]);
  });

  it('tells where the ledger has an event already', async () => {
    spoolEvent(event('known'), directory);
    recorded.set('event-known', 42);
    await absorber().absorb();
    expect(handled).toEqual(['event-known of block 42']);
    expect(await readdir(directory)).toEqual([]);
  });

  it('keeps an event whose handling failed', async () => {
    spoolEvent(event('later'), directory);
    await expect(absorber(() => Promise.reject(new Error('disk full'))).absorb()).rejects.toThrow();
    expect(await absorber().waiting()).toBe(1);
  });

  it('sets aside what is no event and goes on with the rest', async () => {
    await writeFile(join(directory, '1700000000000-1-00000000.json'), '{"half');
    spoolEvent(event('good'), directory);
    await absorber().absorb();
    expect(handled).toEqual(['event-good']);
    expect(rejected).toEqual(['1700000000000-1-00000000.json']);
    expect(await readdir(join(directory, 'rejected'))).toHaveLength(1);
  });

  it('sets aside what is too long for an event, and what is no file, and goes on', async () => {
    await writeFile(join(directory, '1700000000000-1-00000000.json'), ' '.repeat(300 * 1024));
    execFileSync('mkfifo', [join(directory, '1700000000000-1-00000001.json')]);
    spoolEvent(event('good'), directory);
    await absorber().absorb();
    expect(handled).toEqual(['event-good']);
    expect(rejected).toEqual(['1700000000000-1-00000000.json', '1700000000000-1-00000001.json']);
  });

  it('sets aside what has not the name of an event, where it would lie unseen', async () => {
    await writeFile(join(directory, 'event.json'), '{}');
    await absorber().absorb();
    expect(rejected).toEqual(['event.json']);
    expect(await absorber().waiting()).toBe(0);
  });

  it('does not look at a file that is still being written', async () => {
    await writeFile(join(directory, '.1700000000000-1-00000000.json'), '{"half');
    expect(await absorber().absorb()).toBe(0);
    expect(rejected).toEqual([]);
  });

  it('sets aside what a hook that was killed has not finished', async () => {
    await writeFile(join(directory, '.1700000000000-1-00000000.json'), '');
    clock += 120_000;
    await absorber().absorb();
    expect(rejected).toEqual(['.1700000000000-1-00000000.json']);
    expect(await readdir(directory)).toEqual(['rejected']);
  });

  it('leaves nothing of an event that it cannot write whole', () => {
    expect(() => spoolEvent({ big: 1n }, directory)).toThrow();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('has room for so many events, and the ledger is told how many had none', async () => {
    const spool = (id: string) => spoolEvent(event(id), directory, Date.now(), 2);
    spool('one');
    spool('two');
    expect(() => spool('three')).toThrow('2 events wait already');
    expect(() => spool('four')).toThrow();
    await absorber().absorb();
    expect([handled.length, leftOut]).toEqual([2, [2]]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('accepts no event that only the agent itself may make', async () => {
    const manual = { ...event('forged'), source: 'manual', phase: 'attach', interface: 'eth0', name: 'x' };
    spoolEvent(manual, directory);
    await absorber().absorb();
    expect(handled).toEqual([]);
    expect(rejected).toHaveLength(1);
  });

  it('absorbs at once what a hook leaves while the agent watches', async () => {
    let seen: (id: string) => void = () => undefined;
    const arrived = new Promise<string>((resolve) => {
      seen = resolve;
    });
    const watching = absorber(async (found) => seen(found.id));
    await watching.watch(() => undefined);
    spoolEvent(event('live'), directory);
    await expect(arrived).resolves.toBe('event-live');
    watching.close();
  });
});
