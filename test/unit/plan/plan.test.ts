// The laws of `plan`: it converges, touches only what is ours, and stays inside its scope.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import {
  type DriverName,
  isOurs,
  NM_UUID_KEY,
  type Observed,
  type ObservedPort,
  OWNER_KEYS,
} from '../../../src/core/plan/observed.ts';
import { type PlanInput, plan } from '../../../src/core/plan/plan.ts';
import { type Step, subjectOf } from '../../../src/core/plan/steps.ts';

const BRIDGES = ['ovsbr0', 'ovsbr1'];
const profileUuids = ({ bridge, port }: Pick<DesiredPort, 'bridge' | 'port'>) => ({
  port: `P/${bridge}/${port}`,
  interface: `I/${bridge}/${port}`,
});

const digest: PlanInput['securityDigest'] = (_, portSecurity, ofport) =>
  `${portSecurity.addresses.join()}@${ofport}`;

interface World {
  observed: Observed & { links: ReadonlySet<string> };
  configured: Set<string>;
}

function inputOf(world: World, desired: readonly DesiredPort[], more: Partial<PlanInput> = {}): PlanInput {
  return {
    desired,
    observed: world.observed,
    inScope: () => true,
    creatableBridges: new Set(BRIDGES),
    ensureBridges: [],
    restoreBridges: [],
    configured: world.configured,
    isBlocked: (_, desired, { externalIds, interfaceExternalIds }) =>
      externalIds[NM_UUID_KEY] === profileUuids(desired).port &&
      interfaceExternalIds[NM_UUID_KEY] === profileUuids(desired).interface,
    takenBy: () => undefined,
    recordOf: () => new Set(),
    recreateBlocker: () => undefined,
    securityDigest: digest,
    facts: { configured: 'auto', networkManager: 'ready', declared: new Set() },
    ...more,
  };
}

/** What each step does to the world, as the drivers do it. */
function applied(world: World, steps: readonly Step[]): World {
  let { observed } = world;
  const configured = new Set(world.configured);
  for (const step of steps) {
    switch (step.kind) {
      case 'create_bridge':
        observed = {
          ...observed,
          bridges: new Map(observed.bridges).set(step.bridge, {
            name: step.bridge,
            datapathType: 'netdev',
            ...(step.driver === 'networkmanager' && { networkManagerUuid: 'B' }),
            externalIds: {},
          }),
        };
        break;
      case 'restore_bridge':
        observed = {
          ...observed,
          bridgesDown: new Set([...observed.bridgesDown].filter((name) => name !== step.bridge)),
        };
        break;
      case 'create_veth':
        observed = {
          ...observed,
          links: new Set([...observed.links, step.desired.interface]),
          guestEnds: new Set([...observed.guestEnds, step.desired.port]),
        };
        break;
      case 'guard_port': {
        const { bridge, guest, port } = step.desired;
        const ofport = observed.ports.find((found) => found.port === port)?.ofport ?? 0;
        const guard = { bridge, ofport, digest: digest(step.desired, step.portSecurity, ofport) };
        observed = { ...observed, portSecurity: new Map(observed.portSecurity).set(guest.vmid, guard) };
        break;
      }
      case 'unguard_port':
        observed = {
          ...observed,
          portSecurity: new Map([...observed.portSecurity].filter(([vmid]) => vmid !== step.vmid)),
        };
        break;
      case 'announce_addresses':
        break;
      case 'configure_guest':
      case 'disable_offload':
        configured.add(step.desired.port);
        break;
      case 'attach_port':
      case 'adopt_port':
      case 'hand_back_port':
      case 'mark_port': {
        const driver = 'driver' in step ? step.driver : step.kind === 'mark_port' ? step.row.driver : 'ovsdb';
        const row = step.desired.row ?? step.desired.port;
        observed = {
          ...observed,
          ports: [
            ...observed.ports.filter((port) => port.row !== row && port.interface !== step.desired.interface),
            portOf(step.desired, driver),
          ],
        };
        break;
      }
      case 'release_port':
        observed = {
          ...observed,
          ports: observed.ports.map((port) =>
            port.row === step.port.row ? { ...port, port: port.row, externalIds: {} } : port,
          ),
        };
        break;
      case 'detach_port':
        observed = {
          ...observed,
          ports: observed.ports.filter((port) => port.row !== step.port.row),
          profiles: observed.profiles.filter((profile) => profile.port !== step.port.port),
        };
        break;
      case 'drop_profiles':
        observed = {
          ...observed,
          profiles: observed.profiles.filter(({ uuid }) => !step.uuids.includes(uuid)),
        };
        break;
      case 'delete_veth':
        observed = {
          ...observed,
          links: new Set([...observed.links].filter((link) => link !== step.interface)),
        };
        break;
    }
  }
  return { observed, configured };
}

function portOf(desired: DesiredPort, driver: DriverName = 'networkmanager'): ObservedPort {
  const uuids = profileUuids(desired);
  const held = driver === 'networkmanager';
  const mark = {
    [OWNER_KEYS.vmid]: String(desired.guest.vmid),
    [OWNER_KEYS.nic]: String(desired.nic),
    ...(desired.row !== undefined && { [OWNER_KEYS.port]: desired.port }),
  };
  return {
    port: desired.port,
    row: desired.row ?? desired.port,
    driver,
    bridge: desired.bridge,
    interface: desired.interface,
    type: 'system',
    ofport: 7,
    vlan: { trunks: [] },
    portUuid: 'p',
    interfaceUuid: 'i',
    bridgeRowUuid: 'b',
    externalIds: { ...mark, ...(held && { [NM_UUID_KEY]: uuids.port }) },
    interfaceExternalIds: { ...mark, ...(held && { [NM_UUID_KEY]: uuids.interface }) },
  };
}

const EMPTY: World = {
  observed: {
    bridges: new Map(),
    ports: [],
    links: new Set(),
    profiles: [],
    guestEnds: new Set(),
    parked: new Set(),
    bridgesDown: new Set(),
    linuxBridges: new Set(),
    portSecurity: new Map(),
    hostDevices: new Map(),
    guestDevices: new Set(),
    leftByProxmox: new Set(),
  },
  configured: new Set(),
};

type Kind = 'docker' | 'guarded' | 'lxc' | 'kept';

/** `kept`: the row keeps the name of its device, as Proxmox plugged it. */
function wish(vmid: number, bridge: string, kind: Kind): DesiredPort {
  const port = `vi${vmid}`;
  const isDocker = kind === 'docker' || kind === 'guarded';
  const runtime = isDocker ? 'docker' : 'lxc';
  const base = { port, bridge, guest: { runtime, vmid, name: `guest${vmid}` } as const, nic: 0 };
  const link = `veth${vmid}i0`;
  if (kind === 'kept') return { ...base, interface: link, row: link };
  if (!isDocker) return { ...base, interface: link };
  const mac = '02:00:00:00:00:01';
  const veth = {
    pid: 4711,
    guestInterface: 'ovs0',
    mac,
    addresses: [],
    gateways: [],
    nameservers: [],
    networks: [],
  };
  const guard = { mac, addresses: [`203.0.113.${vmid - 90}`], isolate: false, allowIn: ['all'] };
  return { ...base, interface: port, veth, ...(kind === 'guarded' && { portSecurity: guard }) };
}

const vmids = fc.integer({ min: 100, max: 104 });
const wishes = fc
  .uniqueArray(
    fc.tuple(vmids, fc.constantFrom(...BRIDGES), fc.constantFrom<Kind[]>('docker', 'guarded', 'lxc', 'kept')),
    {
      selector: ([vmid]) => vmid,
      maxLength: 5,
    },
  )
  .map((list) => list.map(([vmid, bridge, kind]) => wish(vmid, bridge, kind)));

/** Ports under any of the names in play: ours, foreign, broken, with an alias, on either bridge, by either driver. */
const ports = fc.uniqueArray(
  fc
    .record({
      vmid: vmids,
      bridge: fc.constantFrom(...BRIDGES),
      ours: fc.constantFrom('no', 'yes', 'alias'),
      driver: fc.constantFrom<DriverName[]>('networkmanager', 'ovsdb'),
      broken: fc.boolean(),
      plain: fc.boolean(),
    })
    .map(({ vmid, bridge, ours, driver, broken, plain }): ObservedPort => {
      const link = plain || ours === 'alias' ? `veth${vmid}i0` : `vi${vmid}`;
      const row = ours === 'yes' ? `vi${vmid}` : link;
      const desired = { ...wish(vmid, bridge, 'lxc'), interface: link, ...(ours === 'alias' && { row }) };
      const found = portOf(desired, ours === 'yes' ? driver : 'ovsdb');
      return {
        ...found,
        ...(ours === 'no' && { port: row, row, externalIds: {}, interfaceExternalIds: {} }),
        ...(broken && { error: 'could not open network device', ofport: -1 }),
      };
    }),
  { selector: ({ interface: link }) => link, maxLength: 6 },
);

const worlds = fc
  .record({
    ports,
    bridges: fc.subarray(BRIDGES),
    links: fc.subarray([100, 101, 102, 103, 104].flatMap((vmid) => [`vi${vmid}`, `veth${vmid}i0`])),
    ends: fc.subarray(['vi100', 'vi101', 'vi102']),
    hosts: fc.subarray(['veth100i0', 'veth101i0', 'veth102i0']),
    parked: fc.subarray(['vi102', 'vi103', 'vi104']),
    down: fc.subarray(BRIDGES),
    orphans: fc.subarray(['vi100', 'vi103', 'vi104']),
    byNetworkManager: fc.subarray(BRIDGES),
  })
  .map((found): World => {
    const names = new Set([...found.bridges, ...found.ports.map((port) => port.bridge)]);
    const unique = new Map(found.ports.map((port) => [port.row, port]));
    const owner = (name: string) =>
      found.byNetworkManager.includes(name) ? { networkManagerUuid: 'B' } : {};
    return {
      observed: {
        bridges: new Map(
          [...names].map((name) => [name, { name, datapathType: 'netdev', ...owner(name), externalIds: {} }]),
        ),
        ports: [...unique.values()],
        links: new Set(found.links),
        profiles: found.orphans.map((port) => ({
          driver: 'networkmanager' as const,
          uuid: `u-${port}`,
          port,
          bridge: 'ovsbr0',
        })),
        guestEnds: new Set(found.ends),
        parked: new Set(found.parked),
        bridgesDown: new Set(found.down),
        portSecurity: new Map(),
        hostDevices: new Map(
          found.hosts
            .filter((link) => !found.ports.some((port) => port.interface === link && port.port !== port.row))
            .map((link) => [link, 'is a network card of the host']),
        ),
        guestDevices: new Set(),
        leftByProxmox: new Set(),
        linuxBridges: new Set(),
      },
      configured: new Set(),
    };
  });

describe('plan', () => {
  it('moves no port through NetworkManager on a bridge of others, nor through OVSDB on one of NetworkManager', () => {
    fc.assert(
      fc.property(worlds, wishes, (world, desired) => {
        for (const step of plan(inputOf(world, desired)).steps) {
          if (step.kind !== 'attach_port' && step.kind !== 'adopt_port') continue;
          const bridge = world.observed.bridges.get(step.desired.bridge);
          if (bridge === undefined || step.desired.row !== undefined) continue;
          expect(step.driver).toBe(bridge.networkManagerUuid === undefined ? 'ovsdb' : 'networkmanager');
        }
      }),
    );
  });

  it('leaves what NetworkManager holds alone while NetworkManager is away, and works elsewhere', () => {
    const facts = { configured: 'auto', networkManager: 'expected', declared: new Set<string>() } as const;
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

  describe('a row that carries our mark', () => {
    const marks = { [OWNER_KEYS.vmid]: '999', [OWNER_KEYS.nic]: '0' };
    const row = (name: string, link: string, more: Record<string, string> = {}): ObservedPort => ({
      ...portOf({ ...wish(999, 'ovsbr0', 'lxc'), port: name, interface: link }, 'ovsdb'),
      externalIds: { ...marks, ...more },
    });
    const facts = { configured: 'ovsdb', networkManager: 'unable', declared: new Set<string>() } as const;
    const stepsFor = (
      port: ObservedPort,
      links: readonly string[],
      seen: Partial<World['observed']> = {},
      noted = '',
    ) => {
      const { observed, configured } = withPort(port, links);
      const world = { observed: { ...observed, ...seen }, configured };
      const recordOf = () => new Set(noted === '' ? [] : [noted]);
      return plan(inputOf(world, [], { facts, recordOf })).steps.map(({ kind }) => kind);
    };
    const alias = { [OWNER_KEYS.port]: 'vi999' };

    it('on an uplink takes it away for nobody, whatever else is copied with it', () => {
      expect(stepsFor(row('eno1', 'eno1'), ['eno1'])).toEqual([]);
      expect(stepsFor({ ...row('eno1', 'eno1', alias), port: 'vi999' }, ['eno1'])).toEqual([]);
      expect(stepsFor({ ...row('eno1', 'eno1', alias), port: 'vi999' }, [])).toEqual([]);
    });

    it('under our name is not taken for ours with a device of the host behind it', () => {
      const hostDevices = new Map([['eno1', 'is a network card of the host']]);
      expect(stepsFor(row('vi999', 'eno1'), ['eno1'], { hostDevices }, 'eno1')).toEqual([]);
    });

    it('under our name goes when its device is gone, when we have noted it, or with a guest’s device behind it', () => {
      expect(stepsFor(row('vi999', 'veth7x'), [])).toEqual(['detach_port']);
      expect(stepsFor(row('vi999', 'veth7x'), ['veth7x'])).toEqual([]);
      expect(stepsFor(row('vi999', 'veth7x'), ['veth7x'], {}, 'veth7x')).toEqual(['detach_port']);
      expect(stepsFor(row('vi999', 'veth7x'), ['veth7x'], { guestDevices: new Set(['veth7x']) })).toEqual([
        'detach_port',
      ]);
      expect(stepsFor(row('vi999', 'tap999i0'), ['tap999i0'])).toEqual(['detach_port']);
      expect(stepsFor(row('vi999', 'tap101i0'), ['tap101i0'])).toEqual([]);
    });

    it('for another guest than its name says is nobody’s', () => {
      expect(stepsFor(row('vi998', 'veth7x'), [])).toEqual([]);
    });
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
      networkManager: 'ready',
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
    const facts = { configured: 'ovsdb', networkManager: 'unable', declared: new Set<string>() } as const;
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
    const facts = { configured: 'auto', networkManager: 'expected', declared: new Set<string>() } as const;
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

function withPort(port: ObservedPort | undefined, links: readonly string[]): World {
  return {
    observed: {
      bridges: new Map([
        ['ovsbr0', { name: 'ovsbr0', datapathType: 'netdev', networkManagerUuid: 'B', externalIds: {} }],
      ]),
      ports: port === undefined ? [] : [port],
      links: new Set(links),
      portSecurity: new Map(),
      hostDevices: new Map(),
      guestDevices: new Set(),
      leftByProxmox: new Set(),
      profiles: [],
      guestEnds: new Set(),
      parked: new Set(),
      bridgesDown: new Set(),
      linuxBridges: new Set(),
    },
    configured: new Set(),
  };
}
