// From a look to steps to the ledger: each step between its intent and its outcome, and what could not be done comes again.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BRIDGE, convergence, door, rowOf, settle, wish } from './parts.ts';

const VMIDS = [101, 102, 103, 104];

describe('each step', () => {
  it('stands between its intent and its outcome, also when it fails, and what failed alone is tried again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(VMIDS), fc.subarray(VMIDS), async (asked, broken) => {
        const { converge, request, journal, written, pendingRetries, failing, rows } = convergence(VMIDS);
        for (const vmid of broken) failing.add(`vi${vmid}`);
        const reports = await converge(request(asked));
        const isBroken = (vmid: number) => broken.includes(vmid);
        expect(journal).toEqual(
          asked.flatMap((vmid) => [
            'block port_attach',
            `run attach_port vi${vmid}`,
            isBroken(vmid) ? 'block port_attach_failed' : 'block port_attached',
          ]),
        );
        for (const [n, { metadata, cause, data }] of written.blocks.entries()) {
          const isIntent = n % 2 === 0;
          expect(metadata).toEqual({ kind: isIntent ? 'intent' : 'outcome' });
          expect(cause).toBe(isIntent ? 7 : n);
          expect(data).toMatchObject({ port: `vi${asked[Math.floor(n / 2)]}` });
        }
        expect(reports.map(({ state }) => state)).toEqual(
          asked.map((vmid) => (isBroken(vmid) ? 'failed' : 'attached')),
        );
        const left = asked.filter(isBroken).map((vmid) => `vi${vmid}`);
        expect(pendingRetries.all().map(({ port }) => port)).toEqual(left);

        failing.clear();
        journal.length = 0;
        await converge(request(asked));
        expect(journal.filter((line) => line.startsWith('run'))).toEqual(
          left.map((port) => `run attach_port ${port}`),
        );
        expect([...rows.keys()].sort()).toEqual(asked.map((vmid) => `vi${vmid}`).sort());
        expect(pendingRetries.all()).toEqual([]);
      }),
    );
  });

  it('that throws what has no code is told with one', async () => {
    const { converge, request, written, failing } = convergence([101]);
    failing.add('vi101');
    expect(await converge(request([101]))).toMatchObject([{ state: 'failed', code: 'activation-failed' }]);
    expect(written.blocks.at(-1)?.data).toMatchObject({ code: 'activation-failed' });
  });

  it('is not done when its intent cannot be written', async () => {
    const { converge, request, journal, written } = convergence([101]);
    written.isFull = true;
    await expect(converge(request([101]))).rejects.toMatchObject({ code: 'ledger-write-failed' });
    expect(journal).toEqual([]);
  });

  it('waits until its intent is on the disk', async () => {
    const { converge, request, journal, written } = convergence([101]);
    const disk = door();
    written.disk = disk.opened;
    const converging = converge(request([101]));
    await settle();
    expect(journal).toEqual([]);
    disk.open();
    await converging;
    expect(journal).toEqual(['block port_attach', 'run attach_port vi101', 'block port_attached']);
  });
});

describe('a port whose device is not there yet', () => {
  it('waits with its reason, which is told once, and comes with the device', async () => {
    const { converge, request, journal, written, pendingRetries, links } = convergence([101]);
    links.clear();
    for (let times = 1; times <= 3; times++) {
      const [report] = await converge(request([101]));
      expect(report).toMatchObject({ state: 'held', code: 'link-missing' });
      expect(report?.reason).toContain('tap101i0');
      expect(pendingRetries.all()).toMatchObject([{ port: 'vi101', code: 'link-missing', attempts: times }]);
    }
    expect(written.blocks).toMatchObject([
      { action: 'port_held', data: { port: 'vi101', code: 'link-missing' } },
    ]);
    links.add('tap101i0');
    expect(await converge(request([101]))).toMatchObject([{ state: 'attached' }]);
    expect([journal.length, pendingRetries.all()]).toEqual([4, []]);
  });

  it('is no trouble any more once nobody asks for it', async () => {
    const { converge, request, pendingRetries, links } = convergence([101]);
    links.clear();
    await converge(request([101]));
    await converge(request([]));
    expect(pendingRetries.all()).toEqual([]);
  });
});

describe('a bridge that is missing', () => {
  it('is made once, however many guests saw it missing', async () => {
    const { converge, request, journal, bridges, hooks } = convergence([101, 102]);
    bridges.clear();
    const making = door();
    hooks.during = ({ kind }) => (kind === 'create_bridge' ? making.opened : Promise.resolve());
    const both = [converge(request([101])), converge(request([102]))];
    await settle();
    making.open();
    expect((await Promise.all(both)).flat().map(({ state }) => state)).toEqual(['attached', 'attached']);
    expect(journal.filter((line) => line.includes('create_bridge'))).toEqual([`run create_bridge ${BRIDGE}`]);
  });

  it('and cannot be made keeps its guests from being tried, with the same reason', async () => {
    const { converge, request, journal, bridges, failing } = convergence([101]);
    bridges.clear();
    failing.add(BRIDGE);
    expect(await converge(request([101]))).toMatchObject([
      { port: 'vi101', state: 'failed', code: 'activation-failed' },
    ]);
    expect(journal.filter((line) => line.startsWith('run'))).toEqual([`run create_bridge ${BRIDGE}`]);
  });
});

describe('what happened without us', () => {
  it('is recorded: a port that is there although its outcome was missed', async () => {
    const { converge, request, written, rows, bound } = convergence([101]);
    rows.set('vi101', rowOf(wish(101)));
    expect(await converge(request([101]))).toMatchObject([{ state: 'unchanged' }]);
    expect(written.blocks).toMatchObject([{ action: 'port_found', cause: 7 }]);
    expect([...bound.keys()]).toEqual(['vi101']);
  });

  it('is recorded: a port that somebody else took away', async () => {
    const { converge, request, written, rows, bound, links } = convergence([101]);
    await converge(request([101]));
    rows.clear();
    links.clear();
    await converge(request([]));
    expect(written.blocks.at(-1)).toMatchObject({
      action: 'port_gone',
      data: { port: 'vi101', reason: 'its network device is gone' },
    });
    expect(bound.size).toBe(0);
  });
});

it('a port that nobody asks for goes, one out of scope stays', async () => {
  const { converge, request, rows, bound } = convergence([101, 102]);
  await converge(request([101, 102]));
  rows.set('vi103', rowOf(wish(103)));
  expect(await converge(request([101]))).toMatchObject([
    { port: 'vi101', state: 'unchanged' },
    { port: 'vi102', state: 'detached' },
  ]);
  expect([...rows.keys()]).toEqual(['vi101', 'vi103']);
  expect([...bound.keys()]).toEqual(['vi101']);
});

describe('a guest is settled', () => {
  it('when its port is as it should be and nothing is planned or pending, and by one look for all', async () => {
    const { converge, settled, request, pendingRetries, rows, hooks } = convergence(VMIDS);
    await converge(request([101, 102]));
    const alone = (vmid: number) => ({
      desired: [wish(vmid)],
      inScope: (port: string) => port === `vi${vmid}`,
    });
    const before = hooks.looks;
    expect(await settled([101, 102, 103].map(alone))).toEqual([true, true, false]);
    expect(hooks.looks - before).toBe(1);
    pendingRetries.note({ port: 'vi101', bridge: BRIDGE, code: 'activation-failed', reason: 'x' });
    rows.delete('vi102');
    expect(await settled([101, 102].map(alone))).toEqual([false, false]);
  });

  it('not when it has a port too many', async () => {
    const { converge, settled, request } = convergence([101]);
    await converge(request([101]));
    expect(await settled([{ desired: [], inScope: (port) => port === 'vi101' }])).toEqual([false]);
  });
});
