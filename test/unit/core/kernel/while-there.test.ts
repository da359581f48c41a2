// A wait for a device that is gone ends at once.
import { expect, it } from 'vitest';
import { whileThere } from '../../../../src/core/kernel/while-there.ts';

const never = new Promise<string>(() => undefined);
/** The device's index at each look; the last one stays. */
const seen = (...indices: (number | undefined)[]) => {
  let look = 0;
  return async () => indices[Math.min(look++, indices.length - 1)];
};

it.each([
  ['is gone', [7, undefined]],
  ['is another one of that name', [7, 8]],
  ['came and is gone', [undefined, 7, undefined]],
])('a device that %s is waited for no longer', async (_, indices) => {
  await expect(whileThere('vi100', never, seen(...indices))).rejects.toMatchObject({ code: 'link-missing' });
});

it('a device that is there, or comes, is waited for', async () => {
  const soon = new Promise((resolve) => setTimeout(() => resolve('done'), 500));
  expect(await whileThere('vi100', soon, seen(undefined, 7))).toBe('done');
  await expect(whileThere('vi100', Promise.reject(new Error('no')), seen(7))).rejects.toThrow('no');
});
