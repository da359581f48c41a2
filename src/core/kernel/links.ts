// The host's network devices, as the kernel's sysfs shows them (Documentation/ABI/testing/sysfs-class-net).
//
// It is read without threads: the kernel makes these texts in memory, and an attach asks for half a dozen of them.

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import { kernelNameProblem } from '../lib/device-name.ts';
import { isErrno } from '../lib/errors.ts';
import type { HostAddresses } from './host-addresses.ts';
import type { TunFlags } from './tun-flags.ts';

const ROOT = '/sys/class/net';

// include/uapi/linux/if.h
const IFF_UP = 1;

// include/uapi/linux/if_tun.h
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;

/** Answers for single names. */
export type LinkNames = Pick<ReadonlySet<string>, 'has'>;

/** Names of all links in the host's namespace. */
export async function linkNames(): Promise<Set<string>> {
  return new Set(linkNamesNow());
}

/** The same for who cannot wait. */
export function linkNamesNow(): string[] {
  return readdirSync(ROOT);
}

async function attribute(link: string, name: string): Promise<string | undefined> {
  try {
    return readFileSync(`${ROOT}/${link}/${name}`, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL', 'ENODEV', 'EOPNOTSUPP', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** More names than this are looked up faster in a list of all. */
const FEW_NAMES = 32;

/**
 * Which of the names that are asked for are links in the host's namespace, as a look at one moment. Where few names are
 * asked for, each is looked up by itself: a list of all takes the longer the more guests there are.
 */
export function linksByName(): LinkNames {
  const answers = new Map<string, boolean>();
  let all: ReadonlySet<string> | undefined;
  return {
    has(link) {
      if (all !== undefined) return answers.get(link) ?? all.has(link);
      let answer = answers.get(link);
      if (answer === undefined) {
        if (answers.size >= FEW_NAMES) {
          all = new Set(linkNamesNow());
          answer = all.has(link);
        } else answer = kernelNameProblem(link) === undefined && isLink(link);
        answers.set(link, answer);
      }
      return answer;
    },
  };
}

/** Whether there is a link of that name in the host's namespace. */
export function isLink(link: string): boolean {
  return existsSync(`${ROOT}/${link}`);
}

/** Name of the bridge that a link is plugged into, or undefined; Open vSwitch's bridges are OVSDB's to tell. */
export async function linkMaster(link: string): Promise<string | undefined> {
  try {
    const master = basename(readlinkSync(`${ROOT}/${link}/master`));
    return master === 'ovs-system' ? undefined : master;
  } catch {
    return undefined;
  }
}

/** Whether a bridge of the kernel has that name; Open vSwitch's bridges are none. */
export function isLinuxBridge(link: string): boolean {
  try {
    readdirSync(`${ROOT}/${link}/bridge`);
    return true;
  } catch {
    return false;
  }
}

/** A link's MTU in bytes, or undefined when there is no such link. */
export async function linkMtu(link: string): Promise<number | undefined> {
  const text = await attribute(link, 'mtu');
  return text === undefined ? undefined : Number(text);
}

/** The kernel's index of a link, or undefined when there is none of that name. */
export async function linkIndex(link: string): Promise<number | undefined> {
  const text = await attribute(link, 'ifindex');
  return text === undefined ? undefined : Number(text);
}

export interface LinkState {
  index: number;
  /** Whether it was set up; a link that is up may still have no carrier. */
  up: boolean;
  /** Undefined while it is down: the kernel does not tell then. */
  carrier: boolean | undefined;
  mtu: number;
  master: string | undefined;
  /** Whether it is a bridge of the kernel. */
  isLinuxBridge: boolean;
}

/** How a link is now, or undefined when there is none of that name. */
export async function linkState(link: string): Promise<LinkState | undefined> {
  const index = await linkIndex(link);
  if (index === undefined) return undefined;
  const carrier = await attribute(link, 'carrier');
  return {
    index,
    up: (Number(await attribute(link, 'flags')) & IFF_UP) !== 0,
    carrier: carrier === undefined ? undefined : carrier === '1',
    mtu: Number(await attribute(link, 'mtu')),
    master: await linkMaster(link),
    isLinuxBridge: (await attribute(link, 'bridge/bridge_id')) !== undefined,
  };
}

/** The flags of a tap, or undefined for a link that is not one. */
export async function tunFlags(link: string): Promise<TunFlags | undefined> {
  const text = await attribute(link, 'tun_flags');
  if (text === undefined) return undefined;
  const flags = Number.parseInt(text, 16);
  const id = async (name: string) => {
    const value = Number(await attribute(link, name));
    return Number.isInteger(value) && value >= 0 ? value : undefined;
  };
  return {
    pi: (flags & IFF_NO_PI) === 0,
    vnetHdr: (flags & IFF_VNET_HDR) !== 0,
    multiQueue: (flags & IFF_MULTI_QUEUE) !== 0,
    owner: await id('owner'),
    group: await id('group'),
  };
}

/** Whether a link is up and has all these addresses, in CIDR form. */
export async function isUpWith(link: string, addresses: readonly string[]): Promise<boolean> {
  const flags = Number(await attribute(link, 'flags'));
  const has = new Set(networkInterfaces()[link]?.map(({ cidr }) => cidr));
  return (flags & IFF_UP) !== 0 && addresses.every((address) => has.has(address));
}

export interface OperState {
  up: boolean;
  /** RFC 2863, such as `up`, `down` or `unknown`; a tap's and a tunnel's is `unknown` while it works. */
  operstate: string;
}

/** Whether a link is up and works, or undefined when there is none of that name, which may come from anywhere. */
export async function operState(link: string): Promise<OperState | undefined> {
  if (kernelNameProblem(link) !== undefined) return undefined;
  const flags = await attribute(link, 'flags');
  if (flags === undefined) return undefined;
  const operstate = (await attribute(link, 'operstate')) ?? 'unknown';
  return { up: (Number(flags) & IFF_UP) !== 0, operstate };
}

// include/uapi/linux/if_arp.h
const ARPHRD_LOOPBACK = '772';

/** `DEVTYPE` of links that a host makes for itself (Documentation/ABI/testing/sysfs-class-net, `uevent`). */
const HOST_KINDS: ReadonlyMap<string, string> = new Map([
  ['bond', 'is a bond'],
  ['vlan', 'is a VLAN of the host'],
  ['wlan', 'is a wireless card of the host'],
  ['wwan', 'is a modem of the host'],
]);

/** A port of a NIC's own switch that leads to a virtual function, and so to a guest. */
const REPRESENTOR = /(?:vf|sf)\d+$/;

/** What a link is to the host by its kind alone, as the end of a sentence, or undefined: then it may be a guest's. */
export async function hostDevice(link: string): Promise<string | undefined> {
  if ((await attribute(link, 'type')) === ARPHRD_LOOPBACK) return 'is the loop-back device';
  if ((await attribute(link, 'bridge/bridge_id')) !== undefined) return 'is a bridge';
  if (link === 'ovs-system' || link === 'ovs-netdev') return "is Open vSwitch's own";
  const kind = /^DEVTYPE=(.+)$/m.exec((await attribute(link, 'uevent')) ?? '')?.[1];
  const use = HOST_KINDS.get(kind ?? '');
  if (use !== undefined) return use;
  const isHardware = (await attribute(link, 'device/uevent')) !== undefined;
  const isGuests = REPRESENTOR.test((await attribute(link, 'phys_port_name')) ?? '');
  return isHardware && !isGuests ? 'is a network card of the host' : undefined;
}

/** What the host itself uses a link for, as the end of a sentence, or undefined: then it may be a guest's. */
export async function hostUse(
  link: string,
  addresses: HostAddresses = networkInterfaces,
): Promise<string | undefined> {
  const kind = await hostDevice(link);
  if (kind !== undefined) return kind;
  // Every device has a link-local address of IPv6; a port of a switch needs none.
  const own = addresses()[link]?.find(({ address }) => !/^fe[89ab]/i.test(address));
  return own === undefined ? undefined : `carries the host's address ${own.address}`;
}

/** Whether Open vSwitch can have a kernel datapath here: its module is loaded by the time ovs-vswitchd runs. */
export async function hasKernelDatapath(): Promise<boolean> {
  try {
    readdirSync('/sys/module/openvswitch');
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
