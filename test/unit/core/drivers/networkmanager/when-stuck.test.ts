// Promises about an activation that hangs.
import { expect, it, vi } from 'vitest';
import { retryWhenStuck } from '../../../../../src/core/drivers/networkmanager/when-stuck.ts';

const never = new Promise<void>(() => undefined);

it('is asked for once more when the interface is there and nothing comes of it', async () => {
  let end: (error: Error) => void = () => undefined;
  const hung = new Promise<void>((_, reject) => {
    end = reject;
  });
  const activate = vi.fn(async () => {
    if (activate.mock.calls.length === 1) return hung;
    end(new Error('a new activation took its place'));
  });
  await retryWhenStuck(activate, Promise.resolve(), 10);
  expect(activate).toHaveBeenCalledTimes(2);
});

it.each([
  ['that comes up', () => Promise.resolve()],
  ['whose interface Open vSwitch does not have yet', () => never],
  ['of which Open vSwitch cannot be asked', () => Promise.reject(new Error('away'))],
])('is asked for once: one %s', async (_, present) => {
  const activate = vi.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 20)));
  await retryWhenStuck(activate, present(), 10_000);
  expect(activate).toHaveBeenCalledTimes(1);
});

it('fails as the activation fails', async () => {
  const refused = () => Promise.reject(new Error('refused'));
  await expect(retryWhenStuck(refused, never, 10)).rejects.toThrow('refused');
  await expect(retryWhenStuck(refused, Promise.reject(new Error('away')), 10)).rejects.toThrow('refused');
});
