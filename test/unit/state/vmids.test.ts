// Numbers of guests that are gone: released by comparing with what exists, never those of guests that live.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/core/config/parse-config.ts';
import { openVmids, type Released, type VmidParts } from '../../../src/state/vmids.ts';

let directory: string;
let present: Set<string> | undefined;
let whileListing: () => Promise<unknown>;
let released: Released[];

const config = {
  ...defaultConfig(),
  vmid_range: [1000, 1001] as [number, number],
};
const open = (more: Partial<VmidParts> = {}) =>
  openVmids({
    path: join(directory, 'vmids.json'),
    config,
    now: () => 0,
    takenElsewhere: async () => new Map(),
    portVmids: () => [],
    existing: {
      async docker() {
        await whileListing();
        return present;
      },
    },
    onReleased: (found) => void released.push(...found),
    onProblem: (problem) => expect.fail(problem),
    ...more,
  });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vmids-'));
  present = new Set();
  whileListing = async () => undefined;
  released = [];
});
afterEach(() => rm(directory, { recursive: true }));

it('a number that a label asks for is free when its container was removed while nobody looked', async () => {
  const vmids = await open();
  await vmids.claim('docker', 'old', 4711);
  present = new Set(['new']);
  expect(await vmids.claim('docker', 'new', 4711)).toBe(4711);
  expect(released).toEqual([{ runtime: 'docker', name: 'old', vmid: 4711 }]);
});

it('a number of a container that exists is kept, whether it runs or not, and is refused to another', async () => {
  const vmids = await open();
  await vmids.claim('docker', 'old', 4711);
  present = new Set(['old', 'new']);
  await expect(vmids.claim('docker', 'new', 4711)).rejects.toMatchObject({ code: 'name-taken' });
  await vmids.reconcile('docker');
  expect(released).toEqual([]);
});

it('what cannot be listed releases nothing, nor does a list without a guest that came meanwhile', async () => {
  const vmids = await open();
  await vmids.claim('docker', 'old');
  present = undefined;
  await vmids.reconcile('docker');
  present = new Set();
  whileListing = () => vmids.claim('docker', 'old');
  await vmids.reconcile('docker');
  await vmids.reconcile('lxc');
  expect([released, await vmids.owner(1000)]).toEqual([[], 'old']);
});

it('a released number is kept for its name for the cool-down, and looks release it once', async () => {
  const vmids = await open();
  await vmids.claim('docker', 'old');
  await Promise.all([vmids.reconcile('docker'), vmids.reconcile('docker')]);
  expect(released).toHaveLength(1);
  expect(await vmids.claim('docker', 'new')).toBe(1001);
  expect(await vmids.claim('docker', 'old')).toBe(1000);
});

it('a number for an attempt that fails is free at once, for as many attempts as there may be', async () => {
  const vmids = await open();
  for (const name of ['a', 'b', 'c', 'd']) {
    const attempt = vmids.claimFor('docker', name, undefined, async () => Promise.reject(new Error('no')));
    await expect(attempt).rejects.toThrow('no');
  }
  expect(await vmids.claim('docker', 'e')).toBe(1000);
});

it('an attempt that fails takes no number from a guest that had it before, nor forgets whose it was', async () => {
  const vmids = await open();
  const fail = (name: string) =>
    vmids.claimFor('docker', name, undefined, () => Promise.reject(new Error('no'))).catch(() => undefined);
  await vmids.claim('docker', 'a');
  await fail('a');
  expect(await vmids.owner(1000)).toBe('a');
  await vmids.release('docker', 'a');
  await fail('a');
  expect(await vmids.claim('docker', 'b')).toBe(1001);
  expect(await vmids.claim('docker', 'a')).toBe(1000);
});
