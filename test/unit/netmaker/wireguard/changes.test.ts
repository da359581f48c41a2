// Which changes of a mesh are told, and which are not.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MeshSight, meshChanges } from '../../../../src/netmaker/wireguard/changes.ts';
import { AT, container, key, peer, S, sight, wg } from './sights.ts';

const actions = (before: MeshSight | undefined, now: MeshSight) =>
  meshChanges(before, now).map(({ action }) => action);
const later = (seconds: number) => ({ readAt: AT + seconds * 1000 });

describe('a container seen for the first time', () => {
  it('is told with one block for each interface, which names its peers', () => {
    const peers = [peer(1), peer(2, { lastHandshake: null }), peer(3, { lastHandshake: S - 500 })];
    expect(meshChanges(undefined, sight([wg(peers)]))).toEqual([
      {
        action: 'wireguard_interface_appeared',
        data: {
          guest: 'netclient',
          container_id: container.id,
          port: 'vi1000000',
          interface: 'netmaker',
          source: 'userspace',
          listen_port: 51821,
          peers: 3,
          fresh: 1,
          public_keys: [key(1), key(2), key(3)],
        },
      },
    ]);
  });

  it('without WireGuard is not told', () => {
    expect(meshChanges(undefined, sight([]))).toEqual([]);
  });
});

describe('a peer', () => {
  it('that comes is told with its endpoint, one that goes by its key', () => {
    const before = sight([wg([peer(1)])]);
    const now = sight([wg([peer(2, { lastHandshake: null })])]);
    expect(meshChanges(before, now)).toMatchObject([
      { action: 'peer_vanished', data: { public_key: key(1), interface: 'netmaker' } },
      {
        action: 'peer_appeared',
        data: { public_key: key(2), endpoint: '203.0.113.2:51821', handshake: 'never' },
      },
    ]);
  });

  it('that moves is told with both endpoints', () => {
    const now = sight([wg([peer(1, { endpoint: '[2001:db8::1]:7' })])]);
    expect(meshChanges(sight([wg([peer(1)])]), now)).toMatchObject([
      { action: 'endpoint_changed', data: { from: '203.0.113.1:51821', to: '[2001:db8::1]:7' } },
    ]);
  });

  it('that only sends and shakes hands in time is not told', () => {
    const now = sight([wg([peer(1, { lastHandshake: S + 110, rx: 9000, tx: 9000 })])], later(120));
    expect(meshChanges(sight([wg([peer(1)])]), now)).toEqual([]);
  });

  it('is stale 180 s after its handshake, told once until it is fresh again', () => {
    const looks = [
      sight([wg([peer(1)])]),
      sight([wg([peer(1)])], later(170)),
      sight([wg([peer(1)])], later(171)),
      sight([wg([peer(1)])], later(1000)),
      sight([wg([peer(1, { lastHandshake: S + 1005 })])], later(1010)),
      sight([wg([peer(1, { lastHandshake: S + 1005 })])], later(1020)),
    ];
    const told = looks.slice(1).map((now, index) => actions(looks[index], now));
    expect(told).toEqual([[], ['handshake_stale'], [], ['handshake_fresh'], []]);
  });

  it('that never shook hands is not stale, and is fresh when it does', () => {
    const never = sight([wg([peer(1, { lastHandshake: null })])]);
    expect(meshChanges(never, { ...never, ...later(1000) })).toEqual([]);
    expect(actions(never, sight([wg([peer(1)])]))).toEqual(['handshake_fresh']);
  });

  it('whose session is gone with an interface made anew is stale', () => {
    const now = sight([wg([peer(1, { lastHandshake: null })])]);
    expect(meshChanges(sight([wg([peer(1)])]), now)).toMatchObject([
      { action: 'handshake_stale', data: { last_handshake: null } },
    ]);
  });

  it('that shook hands in a far future does not stop the others', () => {
    const far = peer(1, { lastHandshake: Number.MAX_SAFE_INTEGER });
    const before = sight([wg([peer(1, { lastHandshake: null }), peer(2)])]);
    expect(meshChanges(before, sight([wg([far])]))).toMatchObject([
      { action: 'peer_vanished' },
      { action: 'handshake_fresh', data: { last_handshake: null } },
    ]);
  });
});

describe('a container', () => {
  it('is told when its health changes and when it starts again', () => {
    const now = sight([], { health: 'unhealthy', restarts: 1, startedAt: '2026-11-23T09:00:00Z' });
    expect(meshChanges(sight([]), now)).toMatchObject([
      { action: 'container_restarted', data: { restarts: 1, started_at: '2026-11-23T09:00:00Z' } },
      { action: 'health_changed', data: { from: 'healthy', to: 'unhealthy' } },
    ]);
  });

  it('whose WireGuard cannot be read loses nothing by it', () => {
    const { wireguard: _, readAt: __, ...unread } = sight([]);
    expect(meshChanges(sight([wg([peer(1)])]), unread)).toEqual([]);
    expect(actions(unread, sight([wg([peer(1)])]))).toEqual(['wireguard_interface_appeared']);
  });

  it('that loses an interface is told so once, not for each peer', () => {
    expect(actions(sight([wg([peer(1), peer(2)])]), sight([]))).toEqual(['wireguard_interface_vanished']);
  });
});

describe('very many changes', () => {
  it('are told up to a limit, the rest summed up in one', () => {
    const many = Array.from({ length: 200 }, (_, n) => peer(n));
    const changes = meshChanges(sight([wg([])]), sight([wg(many)]));
    expect(changes).toHaveLength(64);
    expect(changes.at(-1)).toMatchObject({
      action: 'mesh_changes_summed',
      data: { guest: 'netclient', changes: 137, actions: { peer_appeared: 137 } },
    });
    expect(meshChanges(sight([wg([])]), sight([wg(many.slice(0, 64))])).at(-1)?.action).toBe('peer_appeared');
  });
});

describe('whatever a container says', () => {
  const peers = fc.uniqueArray(
    fc.record({
      fill: fc.integer({ min: 0, max: 5 }),
      lastHandshake: fc.option(fc.integer({ min: S - 400, max: S + 400 })),
      endpoint: fc.constantFrom(null, '203.0.113.1:1', '203.0.113.2:2'),
      rx: fc.nat(),
    }),
    { selector: ({ fill }) => fill, maxLength: 6 },
  );
  const interfaces = fc.dictionary(fc.constantFrom('wg0', 'wg1', 'netmaker'), peers).map((all) =>
    Object.entries(all).map(([name, list]) =>
      wg(
        list.map(({ fill, ...more }) => peer(fill, more)),
        name,
      ),
    ),
  );

  it('the same sight again tells nothing', () => {
    fc.assert(
      fc.property(interfaces, (all) => {
        expect(meshChanges(sight(all), sight(all))).toEqual([]);
      }),
    );
  });

  it('a limit is kept, and none of the changes is lost from the count', () => {
    fc.assert(
      fc.property(interfaces, interfaces, fc.integer({ min: 1, max: 8 }), (before, now, limit) => {
        const all = meshChanges(sight(before), sight(now), 1000);
        const told = meshChanges(sight(before), sight(now), limit);
        expect(told.length).toBeLessThanOrEqual(limit);
        const counted = told.map(({ action, data }) => (action === 'mesh_changes_summed' ? data.changes : 1));
        expect(counted.reduce<number>((sum, amount) => sum + Number(amount), 0)).toBe(all.length);
      }),
    );
  });
});
