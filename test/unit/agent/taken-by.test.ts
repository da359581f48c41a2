// One port, one guest; one device, one guest.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import { takenBy } from '../../../src/reconcile/taken-by.ts';
import { type Claims, loadClaims } from '../../../src/state/desired-state.ts';

let directory: string;
let claims: Claims;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'claims-'));
  claims = await loadClaims(directory);
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
  claims.set({ key: `vmid:${wished.guest.vmid}`, guest: wished.guest, ports: [wished] });

it('leaves a device to the guest that has it, and to the first that asks for it', async () => {
  await ask(wish(101, 'vethA'));
  await ask(wish(102, 'vethA'));
  const taken = takenBy(claims);
  expect(taken(wish(101, 'vethA'), 'vmid:101')).toBeUndefined();
  expect(taken(wish(102, 'vethA'), 'vmid:102')).toBe(
    'the device vethA belongs to the running guest guest101',
  );
  await claims.bind(wish(102, 'vethA'), 'vmid:102', 'ovsdb', new Date());
  expect(taken(wish(101, 'vethA'), 'vmid:101')).toContain('guest102');
  await claims.set({ key: 'vmid:102', guest: wish(102, 'vethA').guest, ports: [] });
  expect(taken(wish(101, 'vethA'), 'vmid:101')).toBeUndefined();
});

it('leaves a port to the guest that has it', async () => {
  await ask(wish(101, 'vethA'));
  await claims.bind(wish(101, 'vethA'), 'vmid:101', 'ovsdb', new Date());
  const taken = takenBy(claims);
  expect(taken(wish(101, 'vethB'), 'docker:x')).toBe('the port vi101 belongs to the running guest guest101');
  expect(taken(wish(103, 'vethC'), 'vmid:103')).toBeUndefined();
});

it('remembers each device of a port, also of an earlier run', async () => {
  await ask(wish(101, 'vethA'));
  await ask(wish(101, 'vethB'));
  expect([...claims.noted('vi101')]).toEqual(['vethA', 'vethB']);
  expect([...(await loadClaims(directory)).noted('vi101')]).toEqual(['vethB']);
  expect([...claims.noted('vi102')]).toEqual([]);
});
