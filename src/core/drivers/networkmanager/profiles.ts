// From our model to NetworkManager connection profiles; pure, no D-Bus.
//
// Always the keys `master` and `slave-type`: the newer `controller` and `port-type` are unknown before
// NetworkManager 1.46, where one unknown key makes the whole profile fail, and the old ones work to date.

import { v5 as uuidV5 } from 'uuid';
import type { TunFlags } from '../../kernel/tun-flags.ts';
import type { Profile, Typed } from '../../networkmanager/profile.ts';

const text = (value: string): Typed => ({ signature: 's', value });
const flag = (value: boolean): Typed => ({ signature: 'b', value });
const int = (value: number): Typed => ({ signature: 'i', value });
const uint = (value: number): Typed => ({ signature: 'u', value });
const texts = (value: Readonly<Record<string, string>>): Typed => ({ signature: 'a{ss}', value });

const dicts = (value: readonly Record<string, Typed>[]): Typed => ({ signature: 'aa{sv}', value });

/** The UUID namespace of our profiles, generated once for this project. */
const NAMESPACE = '6f0c5bd2-7d0a-4e0e-9a6c-8f2f6a1d3c57';

/** What a profile of ours stands for; part of its UUID. */
export type ProfileRole = 'bridge' | 'bridge-port' | 'bridge-interface' | 'port' | 'interface';

/**
 * The UUID of a profile, the same at every run, so that a row left in OVSDB is adopted by the next
 * activation instead of colliding with it (nm-ovsdb.c matches name and UUID).
 */
export function profileUuid(role: ProfileRole, bridge: string, port = ''): string {
  return uuidV5(`${role}/${bridge}/${port}`, NAMESPACE);
}

/** Key of our `user` setting: NetworkManager wants a dot in it. */
export const USER_KEY = 'ovs-port-agent.port';
export const USER_BRIDGE_KEY = 'ovs-port-agent.bridge';

function connection(fields: {
  id: string;
  uuid: string;
  type: string;
  device: string;
  autoconnect: boolean;
  master?: string;
  slaveType?: string;
}): Record<string, Typed> {
  return {
    id: text(fields.id),
    uuid: text(fields.uuid),
    type: text(fields.type),
    'interface-name': text(fields.device),
    autoconnect: flag(fields.autoconnect),
    ...(fields.autoconnect ? { 'autoconnect-retries': int(0) } : {}),
    ...(fields.master === undefined ? {} : { master: text(fields.master) }),
    ...(fields.slaveType === undefined ? {} : { 'slave-type': text(fields.slaveType) }),
  };
}

function mark(bridge: string, port: string): Record<string, Typed> {
  return { data: texts({ [USER_BRIDGE_KEY]: bridge, [USER_KEY]: port }) };
}

export interface PortProfileInput {
  bridge: string;
  /** UUID of the ovs-bridge profile that owns the bridge. */
  bridgeUuid: string;
  port: string;
  interface: string;
  externalIds: Readonly<Record<string, string>>;
  tag?: number;
  trunks?: readonly number[];
  vlanMode?: string;
  /** Set for a tap; a veth or other link has none. */
  tun?: TunFlags;
}

/** The ovs-port profile: its interface-name becomes the name of the OVSDB Port row. */
export function portProfile(input: PortProfileInput): Profile {
  const uuid = profileUuid('port', input.bridge, input.port);
  return {
    connection: connection({
      id: `ovs-port-agent ${input.port}`,
      uuid,
      type: 'ovs-port',
      device: input.port,
      autoconnect: true,
      master: input.bridgeUuid,
      slaveType: 'ovs-bridge',
    }),
    'ovs-port': {
      ...(input.tag === undefined ? {} : { tag: uint(input.tag) }),
      ...(input.vlanMode === undefined ? {} : { 'vlan-mode': text(input.vlanMode) }),
      ...(input.trunks === undefined || input.trunks.length === 0
        ? {}
        : { trunks: trunkRanges(input.trunks) }),
    },
    'ovs-external-ids': { data: texts(input.externalIds) },
    user: mark(input.bridge, input.port),
  };
}

function trunkRanges(vlans: readonly number[]): Typed {
  const vlanId = (value: number): Typed => ({ signature: 't', value });
  return dicts(vlans.map((vlan) => ({ start: vlanId(vlan), end: vlanId(vlan) })));
}

/**
 * The profile of the guest's link. A tap never autoconnects: NetworkManager would create the device
 * itself while the guest is off. A veth does, which brings it back after a restart of NetworkManager.
 */
export function interfaceProfile(input: PortProfileInput): Profile {
  const tap = input.tun;
  return {
    connection: connection({
      id: `ovs-port-agent ${input.port} ${input.interface}`,
      uuid: profileUuid('interface', input.bridge, input.port),
      type: tap ? 'tun' : '802-3-ethernet',
      device: input.interface,
      autoconnect: tap === undefined,
      master: profileUuid('port', input.bridge, input.port),
      slaveType: 'ovs-port',
    }),
    ...(tap ? { tun: tunSetting(tap) } : { '802-3-ethernet': {} }),
    'ovs-interface': { type: text('system') },
    'ovs-external-ids': { data: texts(input.externalIds) },
    user: mark(input.bridge, input.port),
  };
}

function tunSetting(flags: TunFlags): Record<string, Typed> {
  return {
    mode: uint(2),
    pi: flag(flags.pi),
    'vnet-hdr': flag(flags.vnetHdr),
    'multi-queue': flag(flags.multiQueue),
    ...(flags.owner === undefined ? {} : { owner: text(String(flags.owner)) }),
    ...(flags.group === undefined ? {} : { group: text(String(flags.group)) }),
  };
}

export interface BridgeProfileInput {
  bridge: string;
  datapathType: 'system' | 'netdev';
  /** Host addresses in CIDR form for the bridge's internal port. */
  addresses: readonly string[];
  /** Whether it is to have IPv6 also without an address here. */
  ipv6: boolean;
  externalIds: Readonly<Record<string, string>>;
}

/**
 * A bridge, its internal port of the same name, and that port's interface. The internal port stays up
 * for good: NetworkManager drops a bridge with its last port, and Proxmox wants the link to exist.
 */
export function bridgeProfiles(input: BridgeProfileInput): {
  bridge: Profile;
  port: Profile;
  interface: Profile;
} {
  const { bridge } = input;
  const bridgeUuid = profileUuid('bridge', bridge);
  const portUuid = profileUuid('bridge-port', bridge);
  const common = { device: bridge, autoconnect: true };
  const external = { data: texts(input.externalIds) };
  return {
    bridge: {
      connection: connection({
        ...common,
        id: `ovs-port-agent bridge ${bridge}`,
        uuid: bridgeUuid,
        type: 'ovs-bridge',
      }),
      'ovs-bridge': { 'datapath-type': text(input.datapathType) },
      'ovs-external-ids': external,
      user: mark(bridge, bridge),
    },
    port: {
      connection: connection({
        ...common,
        id: `ovs-port-agent bridge ${bridge} port`,
        uuid: portUuid,
        type: 'ovs-port',
        master: bridgeUuid,
        slaveType: 'ovs-bridge',
      }),
      'ovs-port': {},
      'ovs-external-ids': external,
      user: mark(bridge, bridge),
    },
    interface: {
      connection: connection({
        ...common,
        id: `ovs-port-agent bridge ${bridge} interface`,
        uuid: profileUuid('bridge-interface', bridge),
        type: 'ovs-interface',
        master: portUuid,
        slaveType: 'ovs-port',
      }),
      'ovs-interface': { type: text('internal') },
      ipv4: ipSetting(input.addresses.filter((address) => !address.includes(':'))),
      ipv6: ipSetting(
        input.addresses.filter((address) => address.includes(':')),
        input.ipv6 ? 'link-local' : 'disabled',
      ),
      'ovs-external-ids': external,
      user: mark(bridge, bridge),
    },
  };
}

/** Neither method hears router advertisements. `without`: the method where there is no address. */
function ipSetting(
  addresses: readonly string[],
  without: 'disabled' | 'link-local' = 'disabled',
): Record<string, Typed> {
  if (addresses.length === 0) return { method: text(without) };
  const data = addresses.map((cidr) => {
    const [address = '', prefix = ''] = cidr.split('/');
    return { address: text(address), prefix: uint(Number(prefix)) };
  });
  return { method: text('manual'), 'address-data': dicts(data) };
}
