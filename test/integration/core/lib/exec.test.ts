// Programs that say more than anybody wants to know, and such that are only there.

import { expect, it } from 'vitest';
import { exec, keep } from '../../../../src/core/lib/exec.ts';

it('gives up on a program whose output has no end, as what a container makes up may', async () => {
  await expect(exec('head', ['-c', '20M', '/dev/zero'])).rejects.toMatchObject({ code: 'exec-failed' });
});

it('keeps a program for as long as it is wanted', async () => {
  const { pid, ended, end } = await keep('cat', []);
  expect(() => process.kill(pid, 0)).not.toThrow();
  end();
  await ended;
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});

it('says so when a program that was to be kept does not stay', async () => {
  await expect(keep('false', [])).rejects.toMatchObject({ code: 'exec-failed' });
  await expect(keep('no-such-program', [])).rejects.toMatchObject({ code: 'exec-failed' });
});
