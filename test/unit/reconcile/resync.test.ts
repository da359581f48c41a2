// Looks at single guests: who is looked at, how often, and what the ledger says led there.

import { beforeEach, describe, expect, it } from 'vitest';
import type { ProxmoxEvent } from '../../../src/core/events/lifecycle-event.ts';
import type { Ledger } from '../../../src/core/ledger/writer.ts';
import { keyedQueue } from '../../../src/core/lib/keyed-queue.ts';
import { openResync, type Resync } from '../../../src/reconcile/resync.ts';
import type { Resolution } from '../../../src/runtimes/source.ts';
import type { DesiredGuest, DesiredState } from '../../../src/state/desired-state.ts';

const guest = { runtime: 'proxmox-qemu', vmid: 101, name: 'web' } as const;
const found: Resolution = { guest, ports: [], skipped: [], note: '' };

let now: number;
let blocks: string[];
let applied: { key: string; resolution: Resolution; cause: number }[];
let answer: Resolution | undefined;
let desiredGuest: DesiredGuest | undefined;
let later: [number, number][];
let looks: Resync;

beforeEach(() => {
  now = 1_000_000;
  blocks = [];
  applied = [];
  later = [];
  answer = found;
  desiredGuest = undefined;
  looks = openResync({
    ledger: {
      append: async ({ action }: { action: string }) => ({ height: 100 + blocks.push(action) }),
    } as unknown as Ledger,
    desiredState: { get: () => desiredGuest } as unknown as DesiredState,
    guestQueue: keyedQueue(4),
    guestAt: async () => answer,
    apply: async (key, resolution, cause) => void applied.push({ key, resolution, cause: await cause() }),
    requeue: (vmid, ms) => void later.push([vmid, ms]),
    now: () => now,
  });
});

const event = (phase: ProxmoxEvent['phase']): ProxmoxEvent => ({
  id: 'event-0001',
  at: '2026-11-23T08:30:32.123Z',
  source: 'proxmox',
  phase,
  vmid: 101,
});

describe('a look at a Proxmox guest', () => {
  it('is taken again when what it saw cannot stay so', async () => {
    answer = { ...found, requeueAfterMs: 2990 };
    await looks.resync(101, 'its configuration changed');
    expect(later).toEqual([[101, 2990]]);
  });

  it('is in the ledger as guest_seen when something is to be done', async () => {
    expect(await looks.resync(101, 'tap101i0 was plugged')).toBe(true);
    expect(applied).toMatchObject([{ key: 'vmid:101', cause: 101 }]);
    expect(blocks).toEqual(['guest_seen']);
  });

  it('during a start has the start as its cause', async () => {
    looks.note(event('pre-start'), 7);
    await looks.resync(101, 'tap101i0 was plugged');
    looks.note(event('post-start'), 8);
    await looks.resync(101, 'its configuration changed');
    expect(applied.map(({ cause }) => cause)).toEqual([7, 101]);
  });

  it('long after a start that never ended has a cause of its own', async () => {
    looks.note(event('pre-start'), 7);
    now += 121_000;
    await looks.resync(101, 'tap101i0 was plugged');
    expect(applied.map(({ cause }) => cause)).toEqual([101]);
  });

  it('answers everybody who asks before it begins', async () => {
    const all = await Promise.all(['a', 'b', 'c'].map((reason) => looks.resync(101, reason)));
    expect(all).toEqual([true, true, true]);
    expect(applied).toHaveLength(1);
  });

  it('takes the ports of one that this node has no longer', async () => {
    answer = undefined;
    desiredGuest = { key: 'vmid:101', guest, ports: [] };
    expect(await looks.resync(101, 'its configuration changed')).toBe(true);
    expect(applied).toMatchObject([{ resolution: { ports: [] } }]);
  });
});

it('a number that is no Proxmox guest is left alone', async () => {
  answer = undefined;
  expect(await looks.resync(200, 'vi200 left the switch')).toBe(false);
  desiredGuest = { key: 'vmid:200', guest: { runtime: 'lxc', vmid: 200, name: '200' }, ports: [] };
  expect(await looks.resync(200, 'vi200 left the switch')).toBe(false);
  expect([applied, blocks]).toEqual([[], []]);
});
