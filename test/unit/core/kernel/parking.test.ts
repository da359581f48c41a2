// The network namespace where inner ends of veths wait.

import { expect, it } from 'vitest';
import { openParking } from '../../../../src/core/kernel/parking.ts';
import type { Kept } from '../../../../src/core/lib/exec.ts';

/** Programs that were started, each with what ends it. */
function programs() {
  const started: { pid: number; die: () => void }[] = [];
  const keep = async (): Promise<Kept> => {
    let die = () => {};
    const ended = new Promise<void>((resolve) => {
      die = resolve;
    });
    const pid = 100 + started.length;
    started.push({ pid, die });
    return { pid, ended, end: die };
  };
  return { started, keep };
}

it('is one for all that wait, and is made when the first one comes', async () => {
  const { started, keep } = programs();
  const parking = openParking(keep);
  expect(started).toEqual([]);
  expect(await Promise.all([parking.pid(), parking.pid()])).toEqual([100, 100]);
  expect(await parking.pid()).toBe(100);
});

it('is made anew when its process has ended, never named by the number of a process that is gone', async () => {
  const { started, keep } = programs();
  const parking = openParking(keep);
  await parking.pid();
  started[0]?.die();
  await new Promise(setImmediate);
  expect(await parking.pid()).toBe(101);
});

it('is tried again after it could not be made', async () => {
  const { keep } = programs();
  let isRefused = true;
  const parking = openParking(() => (isRefused ? Promise.reject(new Error('no')) : keep()));
  await expect(parking.pid()).rejects.toThrow('no');
  isRefused = false;
  await new Promise(setImmediate);
  expect(await parking.pid()).toBe(100);
});
