// A file that takes another one's place: its owner, also for who may not change owners.
import { expect, it } from 'vitest';
import { keepOwner } from '../../../../src/core/lib/keep-owner.ts';

const file = (uid: number, gid: number, code?: string) => {
  const calls: [number, number][] = [];
  return {
    calls,
    stat: async () => ({ uid, gid }) as never,
    chown: async (user: number, group: number) => {
      calls.push([user, group]);
      if (code) throw Object.assign(new Error(code), { code });
    },
  };
};

it('asks for nothing where the owner is the same, for the agent may not even ask', async () => {
  const same = file(0, 4, 'EPERM');
  await keepOwner(same, { uid: 0, gid: 4 });
  expect(same.calls).toEqual([]);
});

it('gives the owner, goes on where that is not allowed, and fails for every other reason', async () => {
  const other = file(0, 0);
  await keepOwner(other, { uid: 0, gid: 4 });
  expect(other.calls).toEqual([[0, 4]]);
  await keepOwner(file(0, 0, 'EPERM'), { uid: 0, gid: 4 });
  await expect(keepOwner(file(0, 0, 'EIO'), { uid: 0, gid: 4 })).rejects.toThrow('EIO');
});
