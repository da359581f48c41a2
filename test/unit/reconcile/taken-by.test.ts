// One port, one guest; one device, one guest.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import { takenBy } from '../../../src/reconcile/taken-by.ts';
import { type DesiredState, loadDesiredState } from '../../../src/state/desired-state.ts';

let directory: string;
let desiredState: DesiredState;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claims-'));
  desiredState = await loadDesiredState(directory);
});
afterEach(() => rm(directory, { recursive: true }));

const wish = (vmid: number, link: string): DesiredPort => ({
  port: `vi${vmid}`,
  interface: link,
  bridge: 'ovsbr0',
  guest: { runtime: 'lxc', vmid, name: `guest${vmid}` },
  nic: 0,
});
const ask = (wished: DesiredPort) =>
  desiredState.set({ key: `vmid:${wished.guest.vmid}`, guest: wished.guest, ports: [wished] });

it('leaves a device to the guest that has it, and to the first that asks for it', async () => {
  await ask(wish(101, 'vethA'));
  await ask(wish(102, 'vethA'));
  const taken = takenBy(desiredState);
  expect(taken(wish(101, 'vethA'), 'vmid:101')).toBeUndefined();
  expect(taken(wish(102, 'vethA'), 'vmid:102')).toBe(
    'the device vethA belongs to the running guest guest101',
  );
  await desiredState.bind(wish(102, 'vethA'), 'vmid:102', 'ovsdb', new Date());
  expect(taken(wish(101, 'vethA'), 'vmid:101')).toContain('guest102');
  await desiredState.set({ key: 'vmid:102', guest: wish(102, 'vethA').guest, ports: [] });
  expect(taken(wish(101, 'vethA'), 'vmid:101')).toBeUndefined();
});

it('leaves a port to the guest that has it', async () => {
  await ask(wish(101, 'vethA'));
  await desiredState.bind(wish(101, 'vethA'), 'vmid:101', 'ovsdb', new Date());
  const taken = takenBy(desiredState);
  expect(taken(wish(101, 'vethB'), 'docker:x')).toBe('the port vi101 belongs to the running guest guest101');
  expect(taken(wish(103, 'vethC'), 'vmid:103')).toBeUndefined();
});

it('remembers each device of a port, also of an earlier run', async () => {
  await ask(wish(101, 'vethA'));
  await ask(wish(101, 'vethB'));
  expect([...desiredState.noted('vi101')]).toEqual(['vethA', 'vethB']);
  expect([...(await loadDesiredState(directory)).noted('vi101')]).toEqual(['vethB']);
  expect([...desiredState.noted('vi102')]).toEqual([]);
});
