// The watch over the meshes: who is looked at, when, and what a look that goes wrong does.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AgentError } from '../../../../src/core/lib/errors.ts';
import type { Change, Health, MeshContainer } from '../../../../src/netmaker/wireguard/changes.ts';
import type { MeshInterface } from '../../../../src/netmaker/wireguard/interface.ts';
import type { Inspected } from '../../../../src/netmaker/wireguard/visits.ts';
import { type MeshWatch, startMeshWatch } from '../../../../src/netmaker/wireguard/watch.ts';
import { AT, container, peer, wg } from './sights.ts';

const RUNNING: Inspected = { health: 'none', restarts: 0, startedAt: '2026-11-23T08:00:00Z' };
const other = (n: number): MeshContainer => ({ container: `c${n}`, id: `id${n}`, pid: n, port: `vi${n}` });

let watch: MeshWatch | undefined;

afterEach(async () => {
  vi.useRealTimers();
  await watch?.close();
});

function world() {
  const it = {
    attached: [container] as MeshContainer[],
    inspected: RUNNING as Inspected | undefined,
    wireguard: async (_pid: number): Promise<MeshInterface[] | undefined> => [wg([peer(1)])],
    leftOut: 0,
    recorded: [] as Change[],
    health: [] as [string, Health][],
    errors: [] as unknown[],
    now: AT,
    refuse: undefined as Error | undefined,
  };
  const start = () => {
    watch = startMeshWatch({
      attached: () => it.attached,
      inspect: async () => it.inspected,
      readWireGuard: async (pid) => {
        const interfaces = await it.wireguard(pid);
        return interfaces && { interfaces, leftOut: it.leftOut };
      },
      record: async (change) => {
        if (it.refuse !== undefined) throw it.refuse;
        it.recorded.push(change);
      },
      onHealth: (id, health) => it.health.push([id, health]),
      intervalMs: 10_000,
      now: () => it.now,
      onError: (error) => it.errors.push(error),
    });
    return watch;
  };
  return Object.assign(it, { start, told: () => it.recorded.map(({ action }) => action) });
}

describe('the watch over meshes', () => {
  it('tells a change once, and has the values of the last look', async () => {
    const all = world();
    const meshes = all.start();
    expect(meshes.values(container.id)).toBeUndefined();
    await meshes.poll();
    await meshes.poll();
    expect(all.told()).toEqual(['wireguard_interface_appeared']);
    expect(meshes.values(container.id)).toMatchObject({ ...RUNNING, readAt: AT, wireguard: [wg([peer(1)])] });
    all.attached = [];
    expect(meshes.values(container.id)).toBeUndefined();
  });

  it('knows how many interfaces it does not look at, also while the container cannot be read', async () => {
    const all = world();
    all.leftOut = 3;
    const meshes = all.start();
    await meshes.poll();
    expect(meshes.values(container.id)).toMatchObject({ leftOut: 3 });
    all.wireguard = () => Promise.reject(new Error('gone'));
    await meshes.poll();
    expect(meshes.values(container.id)).toMatchObject({ leftOut: 3 });
  });

  it('looks by itself at its interval', async () => {
    vi.useFakeTimers();
    const all = world();
    all.start();
    await vi.advanceTimersByTimeAsync(9_999);
    expect(all.recorded).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(all.told()).toEqual(['wireguard_interface_appeared']);
    all.wireguard = async () => [];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(all.told()).toHaveLength(2);
  });

  it('never looks twice at once; whoever asks meanwhile gets one look after it', async () => {
    const all = world();
    const open: (() => void)[] = [];
    all.wireguard = () => new Promise((resolve) => open.push(() => resolve([])));
    const meshes = all.start();
    const first = meshes.poll();
    const second = meshes.poll();
    expect(meshes.poll()).toBe(second);
    await vi.waitFor(() => expect(open).toHaveLength(1));
    open[0]?.();
    await first;
    await vi.waitFor(() => expect(open).toHaveLength(2));
    open[1]?.();
    await second;
    expect(open).toHaveLength(2);
  });

  it('looks at four containers at a time', async () => {
    const all = world();
    all.attached = Array.from({ length: 9 }, (_, n) => other(n));
    let inside = 0;
    let most = 0;
    all.wireguard = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      return [];
    };
    await all.start().poll();
    expect(most).toBe(4);
    expect(all.health).toHaveLength(9);
  });

  it('does not let a container that hangs hold up the others, and does not ask it again meanwhile', async () => {
    vi.useFakeTimers();
    const all = world();
    all.attached = Array.from({ length: 8 }, (_, n) => other(n));
    let asked = 0;
    all.wireguard = (pid) => {
      if (pid !== 2) return Promise.resolve([wg([peer(1)])]);
      asked += 1;
      return new Promise(() => undefined);
    };
    const meshes = all.start();
    const look = meshes.poll();
    await vi.advanceTimersByTimeAsync(1);
    expect(all.told()).toHaveLength(7);
    await vi.advanceTimersByTimeAsync(5000);
    await look;
    expect(all.errors).toMatchObject([{ code: 'deadline-exceeded' }]);
    await meshes.poll();
    expect(asked).toBe(1);
  });

  it('keeps what it knew when WireGuard cannot be read, and says so once', async () => {
    const all = world();
    const meshes = all.start();
    await meshes.poll();
    all.wireguard = () => Promise.reject(new AgentError('wireguard-unreadable', 'cut off'));
    all.now = AT + 1_000_000;
    await meshes.poll();
    await meshes.poll();
    expect(all.told()).toEqual(['wireguard_interface_appeared']);
    expect(meshes.values(container.id)).toMatchObject({ readAt: AT, wireguard: [wg([peer(1)])] });
    expect(all.errors).toHaveLength(1);
  });

  it('hands on the health at first sight and when it changes', async () => {
    const all = world();
    const meshes = all.start();
    await meshes.poll();
    await meshes.poll();
    all.inspected = { ...RUNNING, health: 'unhealthy' };
    await meshes.poll();
    expect(all.health).toEqual([
      [container.id, 'none'],
      [container.id, 'unhealthy'],
    ]);
  });

  it('tells a restart also when the container was away at a look', async () => {
    const all = world();
    const meshes = all.start();
    await meshes.poll();
    all.attached = [];
    await meshes.poll();
    all.attached = [container];
    all.inspected = { ...RUNNING, startedAt: '2026-11-23T09:00:00Z' };
    await meshes.poll();
    expect(all.told()).toEqual(['wireguard_interface_appeared', 'container_restarted']);
  });

  it('tells again what the ledger refused', async () => {
    const all = world();
    const meshes = all.start();
    all.refuse = new AgentError('ledger-write-failed', 'disk full');
    await meshes.poll();
    expect(all.errors).toEqual([all.refuse]);
    all.refuse = undefined;
    await meshes.poll();
    expect(all.told()).toEqual(['wireguard_interface_appeared']);
  });

  it('gives one that changes all the time a few blocks a look, however long it goes on', async () => {
    const all = world();
    const meshes = all.start();
    for (let look = 0; look < 30; look++) {
      const peers = Array.from({ length: 100 }, (_, n) => peer(n, { endpoint: `203.0.113.${n}:${look}` }));
      all.wireguard = async () => [wg(peers)];
      await meshes.poll();
    }
    expect(all.recorded.length).toBeLessThan(64 + 30 * 8);
    expect(all.told().at(-1)).toBe('mesh_changes_summed');
  });

  it('looks no more when it is closed', async () => {
    vi.useFakeTimers();
    const all = world();
    const meshes = all.start();
    await meshes.close();
    await meshes.poll();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(all.health).toEqual([]);
  });
});
