// The laws of `plan`: it converges, touches only what is ours, and stays inside its scope.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredPort } from '../../../../src/core/plan/desired.ts';
import { isOurs, NM_UUID_KEY, type ObservedPort } from '../../../../src/core/plan/observed.ts';
import { plan } from '../../../../src/core/plan/plan.ts';
import { subjectOf } from '../../../../src/core/plan/steps.ts';
import { applied, EMPTY, inputOf, portOf, type World, wish, wishes, withPort, worlds } from './world.ts';

describe('plan', () => {
  it('moves no port through NetworkManager on a bridge of others, nor through OVSDB on one of NetworkManager', () => {
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        for (const step of plan(inputOf(world, desired)).steps) {
          if (step.kind !== 'attach_port' && step.kind !== 'adopt_port') continue;
          const bridge = world.observed.bridges.get(step.desired.bridge);
          if (bridge === undefined || step.desired.row !== undefined) continue;
          expect(step.driver).toBe(
            bridge.externalIds[NM_UUID_KEY] === undefined ? 'ovsdb' : 'networkmanager',
          );
        }
      }),
    );
  });

  it('leaves what NetworkManager holds alone while NetworkManager is away, and works elsewhere', () => {
    const facts = {
      configured: 'auto',
      presence: { networkmanager: 'expected' },
      declared: new Set<string>(),
    } as const;
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        for (const step of plan(inputOf(world, desired, { facts })).steps) {
          if (step.kind === 'drop_profiles') continue;
          if ('driver' in step) expect(step.driver).toBe('ovsdb');
          if (step.kind === 'detach_port' && step.port.externalIds[NM_UUID_KEY] !== undefined) {
            // Only what makes room for a container's new pair, or has no device any more.
            const isGone = !world.observed.links.has(step.port.interface);
            expect(isGone || step.reason.includes('other end')).toBe(true);
          }
        }
      }),
    );
  });

  it('has nothing left to do once its steps are done', () => {
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        const after = applied(world, plan(inputOf(world, desired)).steps);
        expect(plan(inputOf(after, desired)).steps).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('gives every guest that nothing stands in the way of its port', () => {
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        const { steps, blockers } = plan(inputOf(world, desired));
        const held = new Set(blockers.map((hold) => hold.port));
        const { ports: after } = applied(world, steps).observed;
        for (const want of desired.filter((entry) => !held.has(entry.port))) {
          const port = after.find((entry) => entry.row === (want.row ?? want.port));
          expect(port).toMatchObject({
            bridge: want.bridge,
            interface: want.interface,
            row: want.row ?? want.port,
          });
          expect(port?.ofport).toBeGreaterThan(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('leaves no pair whose container ended before it had its card, and takes no other that nobody asks for', () => {
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        const wanted = new Set(desired.map(({ port }) => port));
        const stray = [...world.observed.parked].filter(
          (link) => world.observed.links.has(link) && !wanted.has(link),
        );
        const { steps } = plan(inputOf(world, desired));
        const taken = steps.flatMap((step) => (step.kind === 'delete_veth' ? [step.interface] : []));
        expect(taken.filter((link) => !wanted.has(link)).sort()).toEqual(stray.sort());
        const elsewhere = plan(inputOf(world, desired, { inScope: (port) => port === 'vi999' })).steps;
        expect(elsewhere.filter((step) => step.kind === 'delete_veth' && !wanted.has(step.port))).toEqual([]);
      }),
    );
  });

  it('takes away nothing that somebody else made', () => {
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        for (const step of plan(inputOf(world, desired)).steps) {
          if (step.kind === 'detach_port') {
            expect(isOurs(step.port.externalIds)).toBe(true);
            const isThere = world.observed.links.has(step.port.interface);
            expect(isThere && world.observed.hostDevices.has(step.port.interface)).toBe(false);
          }
          if (step.kind === 'release_port') expect(step.port.row).not.toBe(step.port.port);
          if (step.kind === 'delete_veth') expect(step.interface).toMatch(/^vi\d+$/);
        }
      }),
    );
  });

  it('touches no port outside its scope, but those that are asked for', () => {
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        const asked = new Set(desired.map((entry) => entry.port));
        const { steps } = plan(inputOf(world, desired, { inScope: () => false }));
        for (const step of steps) {
          if (step.kind !== 'create_bridge') expect(asked).toContain(subjectOf(step));
        }
      }),
    );
  });

  it('makes each missing bridge once, before the ports on it', () => {
    const desired = [wish(100, 'ovsbr1', 'docker'), wish(101, 'ovsbr1', 'docker')];
    const { steps } = plan(inputOf(EMPTY, desired));
    expect(steps.map((step) => `${step.kind} ${subjectOf(step)}`)).toEqual([
      'create_bridge ovsbr1',
      'create_veth vi100',
      'configure_guest vi100',
      'attach_port vi100',
      'create_veth vi101',
      'configure_guest vi101',
      'attach_port vi101',
    ]);
  });

  it('adopts a card that Proxmox has plugged instead of plugging it again', () => {
    const want: DesiredPort = { ...wish(101, 'ovsbr0', 'lxc'), interface: 'tap101i0' };
    const plugged: ObservedPort = {
      ...portOf({ ...want, port: 'tap101i0' }),
      driver: 'ovsdb',
      externalIds: {},
    };
    const world = withPort(plugged, ['tap101i0']);
    expect(plan(inputOf(world, [want])).steps).toEqual([
      { kind: 'adopt_port', desired: want, from: plugged, driver: 'networkmanager' },
    ]);
  });

  it('waits for a bridge that belongs to somebody else when only NetworkManager may drive', () => {
    const world = withPort(undefined, ['veth101i0']);
    const foreign = { name: 'ovsbr0', datapathType: 'system' as const, externalIds: {} };
    const observed = { ...world.observed, bridges: new Map([['ovsbr0', foreign]]) };
    const facts = {
      configured: 'networkmanager',
      presence: { networkmanager: 'ready' },
      declared: new Set<string>(),
    } as const;
    const { steps, blockers } = plan(
      inputOf({ ...world, observed }, [wish(101, 'ovsbr0', 'lxc')], { facts }),
    );
    expect(steps).toEqual([]);
    expect(blockers).toMatchObject([{ port: 'vi101', code: 'bridge-not-ours' }]);
  });

  it('does not take the name of a port that somebody else made', () => {
    const want = wish(101, 'ovsbr0', 'lxc');
    const foreign = { ...portOf({ ...want, interface: 'eth9' }), externalIds: {} };
    const world = withPort(foreign, ['veth101i0', 'eth9']);
    const { steps, blockers } = plan(inputOf(world, [want]));
    expect(steps).toEqual([]);
    expect(blockers).toMatchObject([{ port: 'vi101', code: 'name-taken' }]);
  });

  it('does not take the port of another running guest, whatever its link is called', () => {
    const want = wish(101, 'ovsbr0', 'lxc');
    const theirs = portOf({ ...want, interface: 'vi101' });
    const world = withPort(theirs, ['veth101i0', 'vi101']);
    const { steps, blockers } = plan(inputOf(world, [want], { takenBy: () => 'db' }));
    expect(steps).toEqual([]);
    expect(blockers).toMatchObject([{ port: 'vi101', code: 'name-taken' }]);
  });

  it('makes a port of ours anew whose type somebody changed, and leaves an internal port of others alone', () => {
    const want = wish(101, 'ovsbr0', 'lxc');
    const facts = {
      configured: 'ovsdb',
      presence: { networkmanager: 'unable' },
      declared: new Set<string>(),
    } as const;
    const changed = { ...portOf(want, 'ovsdb'), type: 'internal', ofport: -1, error: 'no such type' };
    const mended = plan(inputOf(withPort(changed, ['veth101i0']), [want], { facts }));
    expect(mended).toMatchObject({ steps: [{ kind: 'attach_port' }], blockers: [] });
    const theirs = { ...changed, externalIds: {}, row: 'veth101i0', port: 'veth101i0' };
    const left = plan(inputOf(withPort(theirs, ['veth101i0']), [want], { facts }));
    expect(left).toMatchObject({ steps: [], blockers: [{ code: 'name-taken' }] });
  });

  it('leaves a port alone that is as it should be', () => {
    const want = wish(101, 'ovsbr0', 'lxc');
    expect(plan(inputOf(withPort(portOf(want), ['veth101i0']), [want])).steps).toEqual([]);
  });

  it('brings a bridge up again that is to be kept up, and no other', () => {
    const { observed } = withPort(undefined, []);
    const down = {
      observed: { ...observed, bridgesDown: new Set(['ovsbr0']) },
      configured: new Set<string>(),
    };
    expect(plan(inputOf(down, [], { restoreBridges: ['ovsbr0'] })).steps).toEqual([
      { kind: 'restore_bridge', bridge: 'ovsbr0', driver: 'networkmanager' },
    ]);
    expect(plan(inputOf(down, [])).steps).toEqual([]);
  });

  it('removes the port of a guest that is gone, and profiles that lost theirs', () => {
    const world = withPort(portOf(wish(101, 'ovsbr0', 'lxc')), []);
    const profiles = [{ driver: 'networkmanager' as const, uuid: 'u', port: 'vi102', bridge: 'ovsbr0' }];
    const { steps } = plan(inputOf({ ...world, observed: { ...world.observed, profiles } }, []));
    expect(steps.map((step) => `${step.kind} ${subjectOf(step)}`)).toEqual([
      'detach_port vi101',
      'drop_profiles vi102',
    ]);
  });

  it('makes a new pair when a container came back in another network namespace', () => {
    const want = wish(101, 'ovsbr0', 'docker');
    const { steps } = plan(inputOf(withPort(portOf(want), ['vi101']), [want]));
    expect(steps.map((step) => step.kind)).toEqual([
      'detach_port',
      'delete_veth',
      'create_veth',
      'configure_guest',
      'attach_port',
    ]);
  });

  it('makes no new pair for a container that is held back, and takes the row of the lost one away', () => {
    const want = wish(101, 'ovsbr0', 'docker');
    const recreateBlocker = () =>
      ({ code: 'card-vanishing', reason: 'again and again', until: 1000 }) as const;
    const { steps, blockers } = plan(inputOf(withPort(portOf(want), []), [want], { recreateBlocker }));
    expect(steps.map((step) => step.kind)).toEqual(['detach_port']);
    expect(blockers).toEqual([{ port: 'vi101', bridge: 'ovsbr0', ...recreateBlocker() }]);
    expect(plan(inputOf(withPort(undefined, []), [want], { recreateBlocker })).steps).toEqual([]);
  });

  it('holds no container back that has its card', () => {
    const recreateBlocker = () => ({ code: 'card-vanishing', reason: 'again and again' }) as const;
    const want = wish(101, 'ovsbr0', 'docker');
    const { observed } = withPort(portOf(want), ['vi101']);
    const world = {
      observed: { ...observed, guestEnds: new Set(['vi101']) },
      configured: new Set(['vi101']),
    };
    expect(plan(inputOf(world, [want], { recreateBlocker }))).toEqual(plan(inputOf(world, [want])));
  });

  it('lets a guarded guest be heard of once its rules stand and its addresses are there', () => {
    const { steps } = plan(inputOf(withPort(undefined, []), [wish(101, 'ovsbr0', 'guarded')]));
    expect(steps.map((step) => step.kind)).toEqual([
      'create_veth',
      'attach_port',
      'guard_port',
      'configure_guest',
      'announce_addresses',
    ]);
    expect(steps.at(-1)).toMatchObject({ addresses: ['203.0.113.11'] });
  });
});

describe('a bridge that is missing', () => {
  const none: World = EMPTY;
  const linux: World = { ...EMPTY, observed: { ...EMPTY.observed, linuxBridges: new Set(['ovsbr0']) } };
  const ensure = { ensureBridges: ['ovsbr0'] };

  it('is made when the configuration wants it, also without a guest, and once for all that need it', () => {
    const made = [{ kind: 'create_bridge', bridge: 'ovsbr0', driver: 'networkmanager' }];
    expect(plan(inputOf(none, [], ensure))).toEqual({ steps: made, blockers: [] });
    const { steps } = plan(
      inputOf(none, [wish(101, 'ovsbr0', 'docker'), wish(102, 'ovsbr0', 'docker')], ensure),
    );
    expect(steps.filter(({ kind }) => kind === 'create_bridge')).toHaveLength(1);
  });

  it('is not made beside one of the kernel, and that is told', () => {
    const { steps, blockers } = plan(inputOf(linux, [], ensure));
    expect(steps).toEqual([]);
    expect(blockers).toMatchObject([{ port: 'ovsbr0', bridge: 'ovsbr0', code: 'bridge-not-ovs' }]);
  });

  it('keeps its guests waiting when nobody may make it', () => {
    const more = { creatableBridges: new Set<string>() };
    const { steps, blockers } = plan(inputOf(none, [wish(101, 'ovsbr0', 'docker')], more));
    expect(steps).toEqual([]);
    expect(blockers).toMatchObject([{ port: 'vi101', code: 'bridge-missing' }]);
  });
});

describe('rules of a port that is gone', () => {
  const guards = new Map([[101, { bridge: 'ovsbr0', ofport: 7, digest: '' }]]);
  const world: World = { ...EMPTY, observed: { ...EMPTY.observed, portSecurity: guards } };

  it('go too, where the port is in scope', () => {
    const step = {
      kind: 'unguard_port',
      port: 'vi101',
      bridge: 'ovsbr0',
      vmid: 101,
      reason: 'its port is gone',
    };
    expect(plan(inputOf(world, [])).steps).toEqual([step]);
    expect(plan(inputOf(world, [], { inScope: () => false })).steps).toEqual([]);
  });

  it('stay as long as the port itself has to wait', () => {
    const port = portOf(wish(101, 'ovsbr0', 'lxc'));
    const { observed, configured } = withPort(port, [port.interface]);
    const waiting = {
      observed: { ...observed, portSecurity: guards, guestDevices: new Set([port.interface]) },
      configured,
    };
    const facts = {
      configured: 'auto',
      presence: { networkmanager: 'expected' },
      declared: new Set<string>(),
    } as const;
    const { steps, blockers } = plan(inputOf(waiting, [], { facts }));
    expect(steps).toEqual([]);
    expect(blockers).toMatchObject([{ port: 'vi101', code: 'networkmanager-unavailable' }]);
  });
});

describe('a guest with another MAC at each start', () => {
  const want = { ...wish(101, 'ovsbr0', 'lxc'), peer: { pid: 7 }, announces: ['10.0.0.5'] };
  const kinds = (more: Partial<DesiredPort> = {}, configured: string[] = []) =>
    plan(
      inputOf({ ...withPort(portOf(want, 'ovsdb'), [want.interface]), configured: new Set(configured) }, [
        { ...want, ...more },
      ]),
    ).steps.map(({ kind }) => kind);

  it('is announced once, when it is there and packets are right', () => {
    expect(kinds()).toEqual(['disable_offload', 'announce_addresses']);
    expect(kinds({}, ['vi101'])).toEqual([]);
    expect(kinds({ announces: [] })).toEqual(['disable_offload']);
  });
});
