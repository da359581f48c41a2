// What is asked for while a round runs is done together in the next.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gathered } from '../../../../src/core/lib/gathered.ts';

it('does everything once, in the order of asking, one round at a time, and fails whom it concerns', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 12 }), async (scheduler, isBad) => {
      const done: number[] = [];
      let running = 0;
      const ask = gathered(async (items: readonly number[]) => {
        expect(++running).toBe(1);
        await scheduler.schedule(Promise.resolve());
        running--;
        if (items.some((item) => isBad[item])) throw new Error(`bad ${items.join(' ')}`);
        done.push(...items);
      });
      const asked: Promise<unknown>[] = [];
      for (const item of isBad.keys()) {
        void scheduler.schedule(Promise.resolve()).then(() => {
          asked[item] = ask(item).then(
            () => 'done',
            (error: Error) => error.message,
          );
        });
      }
      await scheduler.waitFor(
        (async () => {
          while (Object.keys(asked).length < isBad.length) await scheduler.schedule(Promise.resolve());
          await Promise.all(asked);
        })(),
      );
      const outcomes = await Promise.all(asked);
      expect(outcomes).toEqual(isBad.map((bad, item) => (bad ? `bad ${item}` : 'done')));
      expect([...done].sort((a, b) => a - b)).toEqual([...isBad.keys()].filter((item) => !isBad[item]));
    }),
  );
});

it('begins at once with the first, and has one round for all that come meanwhile', async () => {
  const rounds: (readonly string[])[] = [];
  const ends: (() => void)[] = [];
  const ask = gathered((items: readonly string[]) => {
    rounds.push(items);
    return new Promise<void>((resolve) => ends.push(resolve));
  });
  const all = ['a', 'b', 'c'].map(ask);
  expect(rounds).toEqual([['a']]);
  ends[0]?.();
  await all[0];
  await expect.poll(() => rounds).toEqual([['a'], ['b', 'c']]);
  ends[1]?.();
  await Promise.all(all);
});
