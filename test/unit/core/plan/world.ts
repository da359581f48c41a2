// Worlds to plan in: bridges, ports and links that there may be, and what each step does to them.

import fc from 'fast-check';
import type { DesiredPort } from '../../../../src/core/plan/desired.ts';
import {
  type DriverName,
  NM_UUID_KEY,
  type Observed,
  type ObservedPort,
  OWNER_KEYS,
} from '../../../../src/core/plan/observed.ts';
import type { PlanInput } from '../../../../src/core/plan/plan.ts';
import type { Step } from '../../../../src/core/plan/steps.ts';

export const BRIDGES = ['ovsbr0', 'ovsbr1'];
export const profileUuids = ({ bridge, port }: Pick<DesiredPort, 'bridge' | 'port'>) => ({
  port: `P/${bridge}/${port}`,
  interface: `I/${bridge}/${port}`,
});

export const digest: PlanInput['securityDigest'] = (_, portSecurity, ofport) =>
  `${portSecurity.addresses.join()}@${ofport}`;

export interface World {
  observed: Observed & { links: ReadonlySet<string> };
  configured: Set<string>;
}

export function inputOf(
  world: World,
  desired: readonly DesiredPort[],
  more: Partial<PlanInput> = {},
): PlanInput {
  return {
    desired,
    observed: world.observed,
    inScope: () => true,
    creatableBridges: new Set(BRIDGES),
    ensureBridges: [],
    restoreBridges: [],
    configured: world.configured,
    isHeld: (_, desired, { externalIds, interfaceExternalIds }) =>
      externalIds[NM_UUID_KEY] === profileUuids(desired).port &&
      interfaceExternalIds[NM_UUID_KEY] === profileUuids(desired).interface,
    takenBy: () => undefined,
    recordOf: () => new Set(),
    recreateBlocker: () => undefined,
    securityDigest: digest,
    facts: { configured: 'auto', presence: { networkmanager: 'ready' }, declared: new Set() },
    ...more,
  };
}

/** What each step does to the world, as the drivers do it. */
export function applied(world: World, steps: readonly Step[]): World {
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
            externalIds: step.driver === 'networkmanager' ? { [NM_UUID_KEY]: 'B' } : {},
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

export function portOf(desired: DesiredPort, driver: DriverName = 'networkmanager'): ObservedPort {
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

export const EMPTY: World = {
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

export type Kind = 'docker' | 'guarded' | 'lxc' | 'kept';

/** `kept`: the row keeps the name of its device, as Proxmox plugged it. */
export function wish(vmid: number, bridge: string, kind: Kind): DesiredPort {
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

export const vmids = fc.integer({ min: 100, max: 104 });
export const wishes = fc
  .uniqueArray(
    fc.tuple(vmids, fc.constantFrom(...BRIDGES), fc.constantFrom<Kind[]>('docker', 'guarded', 'lxc', 'kept')),
    {
      selector: ([vmid]) => vmid,
      maxLength: 5,
    },
  )
  .map((list) => list.map(([vmid, bridge, kind]) => wish(vmid, bridge, kind)));

/** Ports under any of the names in play: ours, foreign, broken, with an alias, on either bridge, by either driver. */
export const ports = fc.uniqueArray(
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

export const worlds = fc
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
    const externalIds = (name: string): Record<string, string> =>
      found.byNetworkManager.includes(name) ? { [NM_UUID_KEY]: 'B' } : {};
    return {
      observed: {
        bridges: new Map(
          [...names].map((name) => [name, { name, datapathType: 'netdev', externalIds: externalIds(name) }]),
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

export function withPort(port: ObservedPort | undefined, links: readonly string[]): World {
  return {
    observed: {
      bridges: new Map([
        ['ovsbr0', { name: 'ovsbr0', datapathType: 'netdev', externalIds: { [NM_UUID_KEY]: 'B' } }],
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
