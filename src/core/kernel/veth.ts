// Makes, checks and removes the veth pairs of containers, and sets up their inner ends.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AgentError, isAgentError } from '../lib/errors.ts';
import type { Exec } from '../lib/exec.ts';
import type { GivenRecords } from './given.ts';
import {
  configureLines,
  type GuestNetwork,
  linksSchema,
  releaseLines,
  routesSchema,
  rulesSchema,
} from './guest-network.ts';
import { hostEndsOf, isGuestDevice, namespaceOf } from './host-ends.ts';
import { askIp } from './ip-batch.ts';
import { hostDevice, linkIndex } from './links.ts';
import { withoutIpv6 } from './own-interface.ts';
import type { Parking } from './parking.ts';
import type { VethPeer, VethRequest } from './veth-request.ts';

const linkSchema = z.object({
  ifindex: z.number(),
  ifname: z.string(),
  address: z.string().optional(),
  link_index: z.number().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
});
const linkListSchema = z.array(linkSchema);
type Link = z.infer<typeof linkSchema>;

const isVeth = (link: Link) => link.linkinfo?.info_kind === 'veth';

export interface Veths {
  /**
   * Makes the pair; the outer end is up. The inner end is in the container's namespace, or parked until `configure`,
   * out of reach of a container that may bring its cards up itself. `mtu`: bytes, of both ends; the kernel's default without.
   */
  create(
    outer: string,
    request: VethRequest,
    parked?: { withoutOffload: boolean },
    mtu?: number,
  ): Promise<void>;
  /**
   * Brings the inner end up and sets its addresses, default routes and offload. May be repeated: then what was asked for
   * changes, and what the container has changed itself stays.
   */
  configure(outer: string, request: VethRequest, withoutOffload: boolean): Promise<void>;
  /** Gives the container's former network its default route back; what is gone already is fine. */
  release(request: VethRequest): Promise<void>;
  /** Turns transmit offload off at the other end of a veth that somebody else made; returns that end's name. */
  disableOffload(outer: string, peer: VethPeer): Promise<string>;
  /** The MAC of the other end of a veth that somebody else made. */
  peerMac(outer: string, peer: VethPeer): Promise<string | undefined>;
  /** Whether the outer end's peer is the named device in the container's namespace. */
  hasInnerEnd(outer: string, request: VethRequest): Promise<boolean>;
  /** See `host-ends.ts`. */
  hostEndsOf(pids: readonly number[]): Promise<Map<number, string[]>>;
  isGuestDevice(link: string): Promise<boolean>;
  /** Outer ends whose inner end waits in our own namespace: nobody else can have made them. */
  parked(): ReadonlySet<string>;
  remove(outer: string): Promise<void>;
}

/** What is to be known of a namespace; one process answers all of them. */
const QUESTIONS = [
  ['address', 'show'],
  ['route', 'show', 'table', 'all'],
  ['rule', 'show'],
] as const;

const isSix = (address: string) => address.includes(':');

function familiesOf(addresses: readonly string[]): (4 | 6)[] {
  const found = new Set(addresses.map((text) => (isSix(text) ? 6 : 4)));
  return ([4, 6] as const).filter((family) => found.has(family));
}

const takenError = (name: string, cause?: unknown) =>
  new AgentError('interface-taken', `The container has an interface ${name} of its own`, { cause });

const inNamespace = (pid: number) => [`--net=/proc/${pid}/ns/net`, '--'];

/** A process id may have been given to another process meanwhile; never change anything in our own namespace. */
async function refuseHostNamespace(pid: number): Promise<void> {
  const [theirs, ours] = await Promise.all([namespaceOf(String(pid)), namespaceOf('self')]);
  if (theirs !== undefined && theirs !== ours) return;
  const why = theirs === undefined ? 'is gone' : 'has no network namespace of its own';
  throw new AgentError('container-not-attachable', `The container's process ${pid} ${why}`);
}

interface Waiting {
  /** The process in whose namespace it is. */
  place: number;
  /** Whether its offload could be turned off; a device keeps that when it moves. */
  isOffloadOff: Promise<boolean>;
  /** How the container's namespace was meanwhile; what has changed since makes a line fail, and then it is looked at again. */
  networks?: Promise<Map<4 | 6, GuestNetwork> | undefined>;
}

export function openVeths(exec: Exec, parking: Pick<Parking, 'pid'>, given: GivenRecords): Veths {
  /** By outer end: the inner ends that wait, under the outer end's name. */
  const waiting = new Map<string, Waiting>();
  const innerLinks = async (pid: number) => {
    const text = await exec('nsenter', [...inNamespace(pid), 'ip', '-json', '-details', 'link', 'show']);
    return linkListSchema.parse(JSON.parse(text));
  };

  const guestNetwork = async (pid: number, family: 4 | 6): Promise<GuestNetwork> => {
    const [links, routes, rules] = await askIp(exec, QUESTIONS, {
      options: [`-${family}`],
      within: ['nsenter', ...inNamespace(pid)],
    });
    return {
      family,
      links: linksSchema.parse(links),
      routes: routesSchema.parse(routes),
      rules: rulesSchema.parse(rules),
    };
  };
  /** @param first a line that must have run before any other, such as one that brings a device up */
  const batch = async (
    pid: number,
    families: readonly (4 | 6)[],
    lines: readonly (readonly string[])[],
    first = '',
  ): Promise<void> => {
    const run = (family: 4 | 6, text: string) =>
      exec('nsenter', [...inNamespace(pid), 'ip', `-${family}`, '-batch', '-'], { input: text });
    if (families.length === 0 && first !== '') await run(4, first);
    for (const [index, family] of families.entries()) {
      const own = lines[index] ?? [];
      const text = `${index === 0 ? first : ''}${own.map((line) => `${line}\n`).join('')}`;
      if (text !== '') await run(family, text);
    }
  };
  /** Without a process of its own in the namespace; a container that may make links could have thousands. */
  const hasLink = async ({ pid, guestInterface }: VethRequest) => {
    const devices = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
    return devices.split('\n').some((line) => line.trimStart().startsWith(`${guestInterface}:`));
  };
  const orTaken = async (request: VethRequest, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      throw (await hasLink(request)) ? takenError(request.guestInterface, error) : error;
    }
  };
  /** The netdev datapath hands packets on as they are: a checksum left to hardware never gets computed. */
  const turnOffloadOff = (pid: number, link: string) =>
    exec('nsenter', [...inNamespace(pid), 'ethtool', '-K', link, 'tx', 'off']);
  const peerInside = async (outer: string, pid: number) => {
    const index = await linkIndex(outer);
    const peer = (await innerLinks(pid)).find((link) => isVeth(link) && link.link_index === index);
    if (peer === undefined) throw new AgentError('link-missing', `The other end of ${outer} is not in sight`);
    return peer;
  };
  const hasInnerEnd = async (outer: string, request: VethRequest): Promise<boolean> => {
    const index = await linkIndex(outer);
    if (index === undefined) return false;
    const ask = ['ip', '-json', 'link', 'show', 'dev', request.guestInterface];
    try {
      // This link alone: a guest that may make links can have thousands, of kinds that `ip` prints in broken JSON.
      const text = await exec('nsenter', [...inNamespace(request.pid), ...ask]);
      return linkListSchema.parse(JSON.parse(text)).some((link) => link.link_index === index);
    } catch (error) {
      if (isAgentError(error, 'exec-failed')) return false;
      throw error;
    }
  };

  const isAt = (pid: number, link: string) =>
    exec('nsenter', [...inNamespace(pid), 'ip', '-json', 'link', 'show', 'dev', link]).then(
      () => true,
      () => false,
    );

  return {
    async create(outer, request, parked, mtu) {
      const { guestInterface: name, mac, pid } = request;
      await refuseHostNamespace(pid);
      given.forget(outer);
      if (parked && (await hasLink(request))) throw takenError(name);
      const place = parked ? await parking.pid() : pid;
      // Before it is there: whatever becomes of the command, a pair that it leaves is known.
      if (parked) waiting.set(outer, { place, isOffloadOff: Promise.resolve(false) });
      const size = mtu === undefined ? [] : ['mtu', String(mtu)];
      const peer = [...size, 'name', parked ? outer : name, 'netns', String(place), 'address', mac];
      await orTaken(request, async () => {
        try {
          await exec('ip', ['link', 'add', 'name', outer, ...size, 'up', 'type', 'veth', 'peer', ...peer]);
        } catch (error) {
          // The name may be somebody else's.
          if (parked && !(await isAt(place, outer))) waiting.delete(outer);
          throw error;
        }
      });
      withoutIpv6(outer);
      if (!parked) return;
      // Here it is still down: no packet leaves it without a checksum. And the port gets its rules meanwhile.
      const isOffloadOff = parked.withoutOffload
        ? turnOffloadOff(place, outer).then(
            () => true,
            () => false,
          )
        : Promise.resolve(false);
      const networks = Promise.all(
        familiesOf(request.addresses).map(
          async (family) => [family, await guestNetwork(pid, family)] as const,
        ),
      ).then(
        (found) => new Map(found),
        () => undefined,
      );
      waiting.set(outer, { place, isOffloadOff, networks });
    },

    async configure(outer, request, withoutOffload) {
      const { guestInterface: link, pid } = request;
      await refuseHostNamespace(pid);
      const parked = waiting.get(outer);
      const moveIn = async () => {
        if (parked === undefined) return false;
        const isOffloadOff = await parked.isOffloadOff;
        const move = ['ip', 'link', 'set', 'dev', outer, 'netns', String(pid), 'name', link];
        await orTaken(request, async () => {
          try {
            await exec('nsenter', [...inNamespace(parked.place), ...move]);
          } catch (error) {
            // The kernel ends what it has begun, also for a command that its deadline has ended meanwhile.
            if (!(await hasInnerEnd(outer, request))) throw error;
          }
        });
        waiting.delete(outer);
        return isOffloadOff;
      };
      const ifindex = await linkIndex(outer);
      const record = given.read(outer);
      const known = record?.ifindex === ifindex && record?.guestInterface === link ? record : undefined;
      const families = familiesOf([...request.addresses, ...(known?.addresses ?? [])]);
      const linesNow = (before?: Map<4 | 6, GuestNetwork>) =>
        Promise.all(
          families.map(async (family) =>
            configureLines(request, before?.get(family) ?? (await guestNetwork(pid, family)), known),
          ),
        );
      const [lines, isOffloadOff] = await Promise.all([
        Promise.resolve(parked?.networks).then(linesNow),
        moveIn(),
      ]);
      // Docker turns IPv6 off in namespaces of networks without it; a container must not learn routes from neighbours.
      if (families.includes(6) && !known?.addresses.some(isSix)) {
        const settings = ['disable_ipv6', 'accept_ra'].map(
          (name) => `/proc/sys/net/ipv6/conf/${link}/${name}`,
        );
        await exec('nsenter', [...inNamespace(pid), 'tee', ...settings], { input: '0' });
      }
      const setUp = async () => {
        const up = known === undefined ? `link set dev ${link} up\n` : '';
        try {
          await batch(pid, families, lines, up);
        } catch (error) {
          if (!isAgentError(error, 'exec-failed')) throw error;
          // Docker, or the container, has changed its routes between the look and the lines.
          await batch(pid, families, await linesNow(), up);
        }
      };
      await Promise.all([
        setUp(),
        withoutOffload && !isOffloadOff && known === undefined ? turnOffloadOff(pid, link) : undefined,
      ]);
      if (ifindex === undefined) return;
      const { addresses, gateways } = request;
      given.write(outer, {
        ifindex,
        guestInterface: link,
        addresses: [...addresses],
        gateways: [...gateways],
      });
    },

    async release(request) {
      await refuseHostNamespace(request.pid);
      const families = familiesOf(request.addresses);
      // One that is being connected to a network at this moment may have other routes a moment later.
      for (let attempt = 1; ; attempt++) {
        const lines = await Promise.all(
          families.map(async (family) => releaseLines(request, await guestNetwork(request.pid, family))),
        );
        try {
          return await batch(request.pid, families, lines);
        } catch (error) {
          if (attempt === 2 || !isAgentError(error, 'exec-failed')) throw error;
        }
      }
    },

    hasInnerEnd,

    async disableOffload(outer, { pid }) {
      const { ifname: inner } = await peerInside(outer, pid);
      await turnOffloadOff(pid, inner);
      return inner;
    },

    peerMac: async (outer, { pid }) => (await peerInside(outer, pid)).address,

    hostEndsOf: (pids) => hostEndsOf(exec, pids),
    isGuestDevice: (link) => isGuestDevice(exec, link),

    parked: () => new Set(waiting.keys()),

    async remove(outer) {
      given.forget(outer);
      if ((await linkIndex(outer)) !== undefined) {
        const use = await hostDevice(outer);
        if (use !== undefined) throw new AgentError('name-taken', `${outer} ${use}`);
        try {
          await exec('ip', ['link', 'delete', 'dev', outer]);
        } catch (error) {
          if ((await linkIndex(outer)) !== undefined) throw error;
        }
      }
      waiting.delete(outer);
    },
  };
}
