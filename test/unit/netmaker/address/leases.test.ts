// Promises of the one who hands out addresses: on disk first, one writer, nothing twice.

import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveState } from '../../../../src/core/lib/state-file.ts';
import { type LeaseParts, openLeases } from '../../../../src/netmaker/address/leases.ts';
import { id, NOW, POOL, POOL6 } from './given.ts';

let directory: string;
let path: string;
let problems: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'leases-'));
  path = join(directory, 'leases.json');
  problems = [];
});

afterEach(() => rm(directory, { recursive: true }));

const open = (more: Partial<LeaseParts> = {}) =>
  openLeases({
    path,
    pools: [POOL, POOL6],
    reserved: [],
    cooldownMs: 300_000,
    misses: 2,
    now: () => NOW,
    inUse: () => new Set(),
    held: () => [],
    onProblem: (problem) => problems.push(problem),
    ...more,
  });
const asks = (n: number, name = `c${n}`) => ({ key: id(n), name, requested: {} });
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const gate = () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
};
const onDisk = async () => Object.entries<{ key: string }>(JSON.parse(await readFile(path, 'utf8')).leases);

describe('a claim', () => {
  it('is on disk when it resolves', async () => {
    const leases = await open();
    const [four, six] = await leases.claim(asks(1));
    expect((await onDisk()).map(([address, { key }]) => [address, key])).toEqual([
      [four?.address, id(1)],
      [six?.address, id(1)],
    ]);
  });

  it('comes back the same after a restart', async () => {
    const before = await (await open()).claim(asks(1));
    const leases = await open();
    expect(leases.of(id(1))?.addresses.map(({ address }) => address)).toEqual(
      before.map(({ address }) => address),
    );
    expect(await leases.claim(asks(1))).toEqual(before);
  });

  it('that comes with 49 others is written with them, once, and all get their own', async () => {
    let writes = 0;
    const save: LeaseParts['save'] = (file, state) => {
      writes++;
      return saveState(file, state);
    };
    const leases = await open({ save });
    const got = await Promise.all(numbers(50).map((n) => leases.claim(asks(n))));
    expect(new Set(got.map(([four]) => four?.address)).size).toBe(50);
    expect(await onDisk()).toHaveLength(100);
    expect(writes).toBe(1);
  });

  it('that comes while a write is under way waits for the next one, which all such share', async () => {
    const writes: number[] = [];
    const first = gate();
    const begun = gate();
    const leases = await open({
      pools: [POOL],
      save: async (file, state) => {
        writes.push(Object.keys(state.leases).length);
        begun.open();
        await first.opened;
        await saveState(file, state);
      },
    });
    const early = leases.claim(asks(1));
    await begun.opened;
    const late = numbers(10).map((n) => leases.claim(asks(n + 2)));
    expect(leases.all()).toEqual([]);
    first.open();
    await Promise.all([early, ...late]);
    expect(writes).toEqual([1, 11]);
    expect(await onDisk()).toHaveLength(11);
  });

  it('that cannot be leaves the others in peace', async () => {
    const leases = await open();
    const wanted = (n: number) => leases.claim({ ...asks(n), requested: { 4: '203.0.113.7' } });
    const results = await Promise.allSettled([wanted(1), wanted(2), leases.claim(asks(3))]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { code: 'address-taken' } });
    expect(leases.of(id(2))).toBeUndefined();
  });

  it('does not give an address that others use, and says who asks', async () => {
    const asked: unknown[] = [];
    const inUse = (who: unknown) => {
      asked.push(who);
      return new Set(['203.0.113.2']);
    };
    const leases = await open({ inUse });
    expect((await leases.claim(asks(1)))[0]?.address).toBe('203.0.113.3');
    expect(asked).toEqual([{ key: id(1), name: 'c1' }]);
  });
});

describe('a disk that refuses', () => {
  it('lets claims fail, changes nothing, and is no trouble once it works again', async () => {
    const leases = await open();
    await leases.claim(asks(1));
    await rename(directory, `${directory}-gone`);
    const failed = await Promise.allSettled([
      leases.claim(asks(2)),
      leases.claim(asks(3)),
      leases.release(id(1)),
    ]);
    expect(failed).toMatchObject(numbers(3).map(() => ({ reason: { code: 'lease-write-failed' } })));
    expect(leases.all().map(({ key }) => key)).toEqual([id(1)]);
    await rename(`${directory}-gone`, directory);
    expect((await leases.claim(asks(3)))[0]?.address).toBe('203.0.113.3');
  });
});

describe('a file that is lost or damaged', () => {
  const held = () => [{ key: id(1), name: 'c1', addresses: ['203.0.113.2/24'] }];

  it.each(['lost', 'damaged'])('(%s) costs no container that runs its address', async (how) => {
    if (how === 'damaged') await writeFile(path, '{"version":1,');
    const leases = await open({ held });
    expect(problems).toHaveLength(how === 'damaged' ? 1 : 0);
    expect((await leases.claim(asks(2)))[0]?.address).toBe('203.0.113.3');
    expect((await leases.claim(asks(1)))[0]?.address).toBe('203.0.113.2');
  });

  it('is written anew before the first claim resolves, also one that changes nothing', async () => {
    const leases = await open({ held, pools: [POOL] });
    await leases.claim(asks(1));
    expect((await onDisk()).map(([address]) => address)).toEqual(['203.0.113.2']);
  });
});

describe('a look', () => {
  const sees =
    (...seen: number[]) =>
    async () =>
      new Set(seen.map(id));

  it('releases who is missed twice in a row', async () => {
    const leases = await open();
    await Promise.all([1, 2].map((n) => leases.claim(asks(n))));
    expect(await leases.reconcile(sees(2))).toEqual([]);
    expect(await leases.reconcile(sees(2))).toEqual([id(1)]);
    expect(leases.all().map(({ key }) => key)).toEqual([id(2)]);
    expect(leases.rows().filter(({ state }) => state === 'cooling')).toHaveLength(2);
  });

  it('decides nothing without a list', async () => {
    const leases = await open({ misses: 1 });
    await leases.claim(asks(1));
    expect(await leases.reconcile(async () => undefined)).toEqual([]);
    await expect(leases.reconcile(() => Promise.reject(new Error('no Docker')))).rejects.toThrow('no Docker');
    expect(leases.all()).toHaveLength(1);
  });

  it('does not count who was leased, or leased again, while the list was read', async () => {
    const leases = await open({ misses: 1 });
    await Promise.all([1, 2].map((n) => leases.claim(asks(n))));
    const released = leases.reconcile(async () => {
      await leases.claim(asks(1));
      await leases.claim(asks(3));
      return new Set();
    });
    expect(await released).toEqual([id(2)]);
    expect(leases.all().map(({ key }) => key)).toEqual([id(1), id(3)]);
  });

  it('waits for the one before it, and no claim waits for a look', async () => {
    const leases = await open({ misses: 2 });
    await leases.claim(asks(1));
    const order: string[] = [];
    const listed = gate();
    const first = leases.reconcile(async () => {
      await listed.opened;
      return new Set();
    });
    const second = leases.reconcile(async () => {
      order.push('second list');
      return new Set();
    });
    await leases.claim(asks(2));
    order.push('claimed');
    listed.open();
    await first;
    expect(await second).toEqual([id(1)]);
    expect(order).toEqual(['claimed', 'second list']);
  });
});

describe('a container that is renamed and removed', () => {
  it('leaves its address to its new name', async () => {
    const leases = await open({ pools: [POOL] });
    await leases.claim(asks(1));
    await leases.rename(id(1), 'new');
    await leases.release(id(1));
    expect(await (await open({ pools: [POOL] })).claim(asks(2, 'new'))).toMatchObject([
      { address: '203.0.113.2' },
    ]);
    expect(await readdir(directory)).toEqual(['leases.json']);
  });
});
