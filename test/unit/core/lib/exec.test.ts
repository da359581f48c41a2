// A program that does not even end when it is killed, as one that hangs in the kernel.

import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';

const kill = vi.fn();
vi.mock('execa', () => ({
  execa: () =>
    Object.assign(new Promise(() => undefined), {
      kill,
      stdout: new PassThrough(),
      stderr: new PassThrough(),
    }),
}));
const { exec } = await import('../../../../src/core/lib/exec.ts');

afterEach(() => vi.useRealTimers());

it('is waited for no longer than its deadline and the time that its end may take', async () => {
  vi.useFakeTimers();
  const outcome = exec('ip', ['link'], { deadlineMs: 1000 }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1000);
  expect(kill).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(6000);
  expect(await outcome).toMatchObject({
    code: 'exec-failed',
    message: expect.stringContaining('it was not done within 1000 ms'),
  });
  expect(vi.getTimerCount()).toBe(0);
});
