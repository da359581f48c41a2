// For whom the agent steps aside, whatever opens and closes the locks of containers, and in which order.

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { openSteppingAside, type SteppingAside } from '../../../../src/runtimes/proxmox/stepping-aside.ts';

let time: number;
let running: Set<number>;
let unplugged: Set<number>;
let written: boolean;
let told: string[];
let aside: SteppingAside;

beforeEach(() => {
  time = 1_000_000;
  running = new Set([201]);
  unplugged = new Set();
  written = true;
  told = [];
  aside = openSteppingAside({
    hasNics: (vmid) => running.has(vmid) && !unplugged.has(vmid),
    runs: (vmid) => running.has(vmid),
    onAside: (vmid) => void told.push(`aside ${vmid}`),
    onOver: (vmid, ms) => void told.push(`over ${vmid} in ${ms}`),
    isWrittenSince: async () => written,
    now: () => time,
  });
});

describe('a running container whose lock is opened', () => {
  it('has Proxmox’s names until some time after it was closed', async () => {
    aside.opened(201);
    expect(aside.remaining(201)).toBe(Number.POSITIVE_INFINITY);
    time += 60_000;
    expect(aside.remaining(201)).toBe(Number.POSITIVE_INFINITY);
    await aside.closed(201);
    expect(aside.remaining(201)).toBe(3_000);
    time += 3_000;
    expect(aside.remaining(201)).toBe(0);
    expect(told).toEqual(['aside 201', 'over 201 in 3000']);
  });

  it('keeps them for long when Proxmox has written nothing: the same command may come once more', async () => {
    written = false;
    aside.opened(201);
    await aside.closed(201);
    expect(aside.remaining(201)).toBe(600_000);
  });

  it('that was stopped in it has our names at the next start, whatever was written', async () => {
    written = false;
    aside.opened(201);
    running.clear();
    await aside.closed(201);
    aside.opened(201);
    running.add(201);
    expect(aside.remaining(201)).toBe(0);
    await aside.closed(201);
    expect(aside.remaining(201)).toBe(0);
  });

  it('keeps them when the change that failed left its card unplugged, and the same command comes once more', async () => {
    written = false;
    aside.opened(201);
    unplugged.add(201);
    await aside.closed(201);
    aside.opened(201);
    expect(aside.remaining(201)).toBeGreaterThan(0);
  });

  it('is told again at the next change, also within that time', async () => {
    aside.opened(201);
    await aside.closed(201);
    time += 1_000;
    aside.opened(201);
    time += 10_000;
    expect(aside.remaining(201)).toBe(Number.POSITIVE_INFINITY);
    expect(told.filter((word) => word === 'aside 201')).toHaveLength(2);
  });

  it('waits for the last of several who have it open', async () => {
    aside.opened(201);
    aside.opened(201);
    await aside.closed(201);
    expect(aside.remaining(201)).toBe(Number.POSITIVE_INFINITY);
    await aside.closed(201);
    expect(aside.remaining(201)).toBe(3_000);
  });
});

describe('a container that starts', () => {
  it('is not stepped aside for: nothing of it is there when the lock is opened', async () => {
    running = new Set();
    aside.opened(201);
    running = new Set([201]);
    expect(aside.remaining(201)).toBe(0);
    await aside.closed(201);
    expect(told).toEqual([]);
  });

  it('in the lock in which it was stopped is Proxmox’s no longer', async () => {
    aside.opened(201);
    aside.starts(201);
    expect(aside.remaining(201)).toBe(0);
    await aside.closed(201);
    expect(aside.remaining(201)).toBe(0);
  });

  it('is stepped aside for when somebody has waited for the lock until it ran', async () => {
    running = new Set();
    aside.opened(201);
    running = new Set([201]);
    aside.opened(202);
    aside.opened(201);
    expect(told).toEqual(['aside 201']);
    aside.starts(201);
    await aside.closed(201);
    expect(told).toEqual(['aside 201', 'aside 201']);
    expect(aside.remaining(201)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('what was missed', () => {
  it('is made good by a look at what is open', async () => {
    aside.opened(201);
    running.add(202);
    time += 5_000;
    aside.resync(new Set([202]));
    await Promise.resolve();
    expect(aside.remaining(201)).toBe(3_000);
    expect(aside.remaining(202)).toBe(Number.POSITIVE_INFINITY);
    expect(told).toContain('aside 202');
  });

  it('is not what was opened just now and is about to be locked', () => {
    aside.opened(201);
    time += 1_000;
    aside.resync(new Set());
    expect(aside.remaining(201)).toBe(Number.POSITIVE_INFINITY);
  });
});

it('never ends while a lock is open, and always ends after the last close, in any order of events', async () => {
  const event = fc.constantFrom('open', 'close', 'start', 'wait', 'lost');
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (events) => {
      const mine = openSteppingAside({
        hasNics: () => true,
        runs: () => true,
        onAside: () => undefined,
        onOver: () => undefined,
        isWrittenSince: async () => false,
        now: () => time,
      });
      let open = 0;
      for (const what of events) {
        if (what === 'open') {
          mine.opened(201);
          open++;
          expect(mine.remaining(201)).toBe(Number.POSITIVE_INFINITY);
        } else if (what === 'close' && open > 0) {
          await mine.closed(201);
          open--;
        } else if (what === 'start') mine.starts(201);
        else if (what === 'wait') time += 1_000;
        else if (what === 'lost') mine.resync(new Set(open > 0 ? [201] : []));
        expect(mine.isAnyOpen()).toBe(open > 0);
      }
      for (; open > 0; open--) await mine.closed(201);
      time += 600_000;
      expect(mine.remaining(201)).toBe(0);
    }),
  );
});
