// The heart from an event to its ports: what is written, in which order things happen, and what waits for what.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgentError } from '../../../src/core/lib/errors.ts';
import { door, event, heart, resolution, settle, wish } from './parts.ts';

describe('an event', () => {
  it('is on the disk before anything is done', async () => {
    const { agent, journal, written, desiredState } = heart();
    const disk = door();
    written.disk = disk.opened;
    const result = agent.handle(event(1));
    await settle();
    expect([journal, desiredState.all()]).toEqual([[], []]);
    disk.open();
    expect(await result).toMatchObject({ ok: true, height: 1 });
    expect(journal).toEqual(['block guest_post_start', 'converge vmid:101 vi101']);
  });

  it('has one block however often it comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 }), async (ids) => {
        const { agent, written, requests } = heart();
        const results = await Promise.all(ids.map((id) => agent.handle(event(id))));
        const distinct = new Set(ids).size;
        expect([written.blocks.length, requests.length]).toEqual([distinct, distinct]);
        expect(results.filter(({ height }) => height !== null)).toHaveLength(distinct);
      }),
      { numRuns: 50 },
    );
  });

  it('of one guest waits for the one before it, and not for those of other guests', async () => {
    const { agent, journal, hooks } = heart();
    const first = door();
    hooks.converge = ({ key }) => (key === 'vmid:101' ? first.opened : Promise.resolve());
    const start = agent.handle(event(1));
    const stop = agent.handle(event(2, 101, 'post-stop'));
    await agent.handle(event(3, 102));
    expect(journal.filter((line) => line.includes('101'))).toEqual(['converge vmid:101 vi101']);
    first.open();
    await Promise.all([start, stop]);
    expect(journal.at(-1)).toBe('converge vmid:101');
  });

  it('that fails is in the ledger with its reason, and its port stays as it was', async () => {
    const { agent, written, proxmox, requests } = heart();
    proxmox.resolve = () => Promise.reject(new AgentError('bad-guest-config', 'net0 is garbage'));
    const result = await agent.handle(event(1));
    expect(result).toMatchObject({ ok: false, height: 1 });
    expect(written.blocks).toMatchObject([
      { action: 'guest_post_start' },
      { action: 'event_failed', cause: 1, data: { code: 'bad-guest-config' } },
    ]);
    expect(requests).toEqual([]);
  });
});

describe('events that come while the ledger cannot be written', () => {
  it('lead to nothing, and come again in their order once it can', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 101, max: 103 }), { minLength: 1, maxLength: 8 }),
        async (vmids) => {
          const { agent, written, requests, pendingRetries } = heart();
          written.isFull = true;
          for (const [n, vmid] of vmids.entries()) {
            expect(await agent.handle(event(n, vmid))).toMatchObject({ ok: false, height: null });
          }
          expect(requests).toEqual([]);
          expect(pendingRetries.all()).toMatchObject([
            { port: 'ledger', code: 'ledger-write-failed', attempts: 1 },
          ]);
          written.isFull = false;
          await agent.reconcile('another try');
          const events = written.blocks.filter(({ action }) => action === 'guest_post_start');
          expect(events.map(({ metadata }) => metadata?.event_id)).toEqual(vmids.map((_, n) => `event-${n}`));
          expect(pendingRetries.all()).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('wait on while it still cannot, and nothing else is reconciled', async () => {
    const { agent, written, requests, pendingRetries } = heart();
    written.isFull = true;
    await agent.handle(event(1));
    expect(await agent.reconcile('another try')).toEqual([]);
    expect([requests, pendingRetries.all().length]).toEqual([[], 1]);
    written.isFull = false;
    await agent.reconcile('another try');
    expect(written.blocks.map(({ action }) => action)).toEqual(['guest_post_start']);
  });

  it('are kept once, however often a hook hands one in', async () => {
    const { agent, written } = heart();
    written.isFull = true;
    const twice = [event(1), event(1)];
    for (const each of twice) expect((await agent.handle(each)).message).toContain('waits until');
    for (let n = 2; n <= 10_000; n++) await agent.handle(event(n, 100 + n));
    expect((await agent.handle(event(1))).message).toContain('waits until');
    written.isFull = false;
    await agent.reconcile('another try');
    expect(written.blocks.filter(({ action }) => action === 'events_lost')).toEqual([]);
  });

  it('tell what their hook took out of the switch because of that, which it knows only afterwards', async () => {
    const { agent, written } = heart();
    written.isFull = true;
    await agent.handle(event(1));
    await agent.handle({ ...event(1), swept: ['vi101'] });
    await agent.handle(event(1));
    written.isFull = false;
    await agent.reconcile('another try');
    const events = written.blocks.filter(({ action }) => action === 'guest_post_start');
    expect(events).toMatchObject([{ data: { swept: ['vi101'] } }]);
  });

  it('are counted where there is no room for them, and the count is told', async () => {
    const { agent, written } = heart();
    written.isFull = true;
    const results = await Promise.all(
      Array.from({ length: 10_003 }, (_, n) => agent.handle(event(n, 100 + n))),
    );
    expect(results.filter(({ message }) => message.includes('is not recorded'))).toHaveLength(3);
    written.isFull = false;
    await agent.reconcile('another try');
    await agent.reconcile('timer');
    expect(written.blocks.filter(({ action }) => action === 'events_lost')).toMatchObject([
      { data: { count: 3 } },
    ]);
  });
});

describe('a reconcile', () => {
  it.each([
    ['says nothing', async () => undefined],
    ['fails', () => Promise.reject(new Error('it hangs'))],
  ])('keeps the ports of guests whose runtime %s', async (_, current) => {
    const { agent, desiredState, proxmox } = heart();
    await agent.handle(event(1));
    proxmox.current = current;
    await agent.reconcile('timer');
    expect(desiredState.get('vmid:101')?.ports).toEqual([wish(101)]);
  });

  it('takes the ports of a guest that does not run any more', async () => {
    const { agent, desiredState, requests } = heart();
    await agent.handle(event(1));
    await agent.reconcile('timer');
    expect(desiredState.all()).toEqual([]);
    expect(requests.at(-1)?.inScope('vi101')).toBe(true);
  });

  it('does not undo an event that is newer than its look', async () => {
    const { agent, desiredState, proxmox } = heart();
    const looked = door();
    proxmox.current = async () => {
      await looked.opened;
      return [{ key: 'vmid:102', resolution: resolution(102) }];
    };
    await agent.handle(event(1, 102));
    const reconcile = agent.reconcile('timer');
    await settle();
    await agent.handle(event(2, 101));
    await agent.handle(event(3, 102, 'post-stop'));
    looked.open();
    await reconcile;
    expect(desiredState.all().map(({ key }) => key)).toEqual(['vmid:101']);
  });

  it('runs alone; all who ask meanwhile get one more, which sees what happened before they asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.boolean(), async (asks, fails) => {
        const { agent, proxmox, errors } = heart();
        const first = door();
        let looks = 0;
        let running = 0;
        let isThere = false;
        proxmox.current = async () => {
          looks += 1;
          expect(++running).toBe(1);
          const seen = isThere ? [{ key: 'vmid:101', resolution: resolution(101) }] : [];
          if (looks === 1) await first.opened;
          running -= 1;
          if (looks === 1 && fails) throw new Error('it hangs');
          return seen;
        };
        const one = agent.reconcile('start');
        await settle();
        isThere = true;
        const others = Array.from({ length: asks }, () => agent.reconcile('again'));
        first.open();
        expect(await one).toEqual([]);
        for (const reports of await Promise.all(others)) expect(reports).toMatchObject([{ port: 'vi101' }]);
        expect([looks, errors.length]).toEqual([2, fails ? 1 : 0]);
      }),
      { numRuns: 20 },
    );
  });

  it('leaves a port alone that an event is at work on', async () => {
    const { agent, hooks, requests } = heart();
    await agent.handle(event(1));
    const working = door();
    hooks.converge = ({ key }) => (key === 'vmid:101' ? working.opened : Promise.resolve());
    const stop = agent.handle(event(2, 101, 'post-stop'));
    await settle();
    await agent.reconcile('timer');
    expect(requests.at(-1)?.key).toBe(undefined);
    expect(requests.at(-1)?.inScope('vi101')).toBe(false);
    working.open();
    await stop;
    expect(requests.at(-1)?.inScope('vi101')).toBe(true);
  });

  it('that cannot be recorded is a trouble until one can', async () => {
    const { agent, written, proxmox, pendingRetries, hooks } = heart();
    proxmox.current = async () => [{ key: 'vmid:101', resolution: resolution(101) }];
    hooks.converge = async ({ desired, cause }) => void (desired.length > 0 && (await cause()));
    written.isFull = true;
    await expect(agent.reconcile('timer')).rejects.toMatchObject({ code: 'ledger-write-failed' });
    expect(pendingRetries.all()).toMatchObject([{ port: 'ledger' }]);
    written.isFull = false;
    await agent.reconcile('another try');
    expect([pendingRetries.all(), written.blocks.map(({ action }) => action)]).toEqual([[], ['reconcile']]);
  });

  it('does nothing once the agent stops', async () => {
    const { agent, requests } = heart();
    await agent.stop();
    expect([await agent.reconcile('timer'), requests]).toEqual([[], []]);
  });
});

describe('what changes for others because of one container', () => {
  const id = 'a'.repeat(64);
  const other = 'b'.repeat(64);
  const start = (n: number, phase: 'start' | 'die') => {
    const at = '2026-11-23T08:30:32.123Z';
    return {
      id: `docker-${n}`,
      at,
      source: 'docker',
      phase,
      containerId: id,
      name: 'db',
      image: '',
    } as const;
  };
  const guest = (name: string, vmid: number) => ({ runtime: 'docker', vmid, name }) as const;
  const ports = (name: string, vmid: number) => [{ ...wish(vmid), guest: guest(name, vmid) }];
  const addressTransfers = [{ group: 'g', addresses: ['10.0.0.5'], from: 'db', to: 'web' }];
  const open = async () => {
    const found = heart({
      containerAt: async () => ({
        guest: guest('web', 102),
        ports: ports('web', 102),
        skipped: [],
        note: '',
        addressTransfers,
      }),
    });
    await found.desiredState.set({
      key: `docker:${other}`,
      guest: guest('web', 102),
      ports: ports('web', 102),
    });
    return found;
  };

  it('is done after a container that goes on has let go, and the move has its event as cause', async () => {
    const { agent, docker, journal, hooks, written } = await open();
    const working = door();
    hooks.converge = ({ key }) => (key === `docker:${id}` ? working.opened : Promise.resolve());
    docker.resolve = async () => ({
      guest: guest('db', 101),
      ports: ports('db', 101),
      skipped: [],
      note: '',
      dependents: [other],
    });
    const result = agent.handle(start(1, 'start'));
    await settle();
    expect(journal.filter((line) => line.startsWith('converge'))).toEqual([`converge docker:${id} vi101`]);
    working.open();
    await result;
    await settle();
    expect(journal.at(-2)).toBe(`converge docker:${other} vi102`);
    expect(written.blocks.at(-1)).toMatchObject({
      action: 'address_moved',
      cause: 1,
      data: { from: 'db', to: 'web' },
    });
  });

  it('does not wait for one that has ended', async () => {
    const { agent, docker, journal, hooks } = await open();
    const working = door();
    hooks.converge = ({ key }) => (key === `docker:${id}` ? working.opened : Promise.resolve());
    docker.resolve = async () => ({
      guest: guest('db', 101),
      ports: [],
      skipped: [],
      note: '',
      dependents: [other],
    });
    const result = agent.handle(start(1, 'die'));
    await settle();
    expect(journal).toContain(`converge docker:${other} vi102`);
    working.open();
    await result;
  });
});

it('a guest that is withdrawn loses its ports, and the ledger says why', async () => {
  const { agent, written, desiredState, requests } = heart();
  await agent.handle(event(1));
  await agent.takeAway('vmid:101', 'unenrolled');
  expect(desiredState.all()).toEqual([]);
  expect(requests.at(-1)).toMatchObject({ key: 'vmid:101', desired: [] });
  expect(written.blocks.at(-1)).toMatchObject({ action: 'guest_withdrawn', data: { reason: 'unenrolled' } });
});
