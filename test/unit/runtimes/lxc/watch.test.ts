// LXC containers that no hook tells of are noticed at the second look.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LxcContainer } from '../../../../src/runtimes/lxc/containers.ts';
import { watchLxc } from '../../../../src/runtimes/lxc/watch.ts';
import type { DesiredGuest } from '../../../../src/state/desired-state.ts';

let running: LxcContainer[];
let desiredState: DesiredGuest[];
let links: Set<string>;
let missed: string[];
let errors: unknown[];
let watch: { close(): void };
let broken = false;

const guest = { runtime: 'lxc', vmid: 1_000_000, name: 'web' } as const;
const desiredGuest: DesiredGuest = {
  key: 'lxc:web',
  guest,
  ports: [{ port: 'vi1000000', interface: 'vethA', bridge: 'ovsbr0', guest, nic: 0 }],
};
const web = (run: string, init?: number): LxcContainer => ({
  name: 'web',
  lxcPath: '/var/lib/lxc',
  run,
  ...(init !== undefined && { init }),
});
const look = () => vi.advanceTimersByTimeAsync(1000);

beforeEach(() => {
  vi.useFakeTimers();
  running = [];
  desiredState = [];
  links = new Set();
  missed = [];
  errors = [];
  broken = false;
  watch = watchLxc({
    containers: {
      async running() {
        if (broken) throw new Error('no /proc');
        return running;
      },
    },
    desiredGuests: () => desiredState,
    linkNames: async () => links,
    onMissed: (reason) => void missed.push(reason),
    onError: (error) => void errors.push(error),
    intervalMs: 1000,
  });
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

it('tells once of one that runs without a hook, after the hook has had its turn', async () => {
  running = [web('1', 42)];
  await look();
  expect(missed).toEqual([]);
  await look();
  await look();
  expect(missed).toEqual(['the LXC container web runs, and no hook has told of it']);
  running = [web('2', 43)];
  await look();
  await look();
  expect(missed).toHaveLength(2);
});

it('says nothing of one that its hook has told of, nor of one that is starting', async () => {
  running = [web('1')];
  await look();
  await look();
  running = [web('1', 42)];
  desiredState = [desiredGuest];
  links = new Set(['vethA']);
  await look();
  await look();
  expect(missed).toEqual([]);
});

it('tells of one that has ended without a hook', async () => {
  desiredState = [desiredGuest];
  await look();
  expect(missed).toEqual([]);
  await look();
  expect(missed).toEqual(['the LXC container web has lost vethA']);
});

it('says once that it cannot look, and goes on', async () => {
  broken = true;
  await look();
  await look();
  expect(errors).toHaveLength(1);
  broken = false;
  desiredState = [desiredGuest];
  await look();
  await look();
  expect(missed).toHaveLength(1);
});
