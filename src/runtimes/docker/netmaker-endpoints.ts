// What a Netmaker container gets on the bridge of the pools: its leases, its group's address if it holds that, its rules.

import { parseCidr, parseIp } from '../../core/lib/cidr.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { DesiredPort } from '../../core/plan/desired.ts';
import { poolOf } from '../../netmaker/address/address-space.ts';
import { endpointOf } from '../../netmaker/address/endpoint.ts';
import type { Leases } from '../../netmaker/address/leases.ts';
import { overlaps } from '../../netmaker/address/pools.ts';
import type { NetmakerSection } from '../../netmaker/config-section.ts';
import type { Pool } from '../../netmaker/types.ts';
import type { DesiredGuest } from '../../state/desired-state.ts';
import type { AddressTransfer } from '../source.ts';
import { type AttachDecision, containerName, type DockerContainer } from './attach.ts';
import { Elections, idOf } from './failover-elections.ts';

export interface EndpointParts {
  rules: NetmakerSection;
  pools: readonly Pool[];
  leases: Leases;
  inspect: (id: string) => Promise<DockerContainer | undefined>;
  desiredGuests: () => readonly DesiredGuest[];
  /** Whether all public addresses were taken back: nobody gets one any more. */
  isWithdrawn: () => boolean;
}

/** What the NIC of one container gets beyond a plain one. */
export interface NetmakerEndpoint {
  addresses: string[];
  gateways: string[];
  /** Those of `addresses` that a label says and no pool has. */
  own: string[];
  /** Parts of the port. */
  port: Pick<DesiredPort, 'portSecurity' | 'published' | 'group' | 'shared'>;
  addressTransfers: AddressTransfer[];
  /** Other members that should have something else now. */
  dependents: string[];
}

export interface NetmakerEndpoints {
  /** Whether there are no public addresses to be had any more. */
  isWithdrawn: () => boolean;
  /** Throws what `Leases.claim` throws. */
  of(
    container: DockerContainer,
    decision: Extract<AttachDecision, { attach: true }>,
    nic: { port: string; mac: string },
  ): Promise<NetmakerEndpoint>;
  /** A container has ended: what its group does then. */
  ended(id: string): Promise<Pick<NetmakerEndpoint, 'addressTransfers' | 'dependents'>>;
  /** It will never start again. */
  removed(id: string): Promise<void>;
}

export function netmakerEndpoints(parts: EndpointParts): NetmakerEndpoints {
  const { rules, leases } = parts;
  const elections = new Elections(parts);

  return {
    isWithdrawn: parts.isWithdrawn,
    async of(container, decision, nic) {
      const { pools } = parts;
      const fixed = [decision.address, decision.address6].filter((text) => text !== undefined);
      const inPool = fixed.filter((text) => isInPools(text, pools));
      refuseOverlap(container, pools);
      // Whoever writes an address of another network has made that network, and knows what it needs.
      const own = fixed.filter((text) => !inPool.includes(text) && text.includes('/'));
      const name = containerName(container);
      const leased =
        own.length > 0 ? [] : await leases.claim({ key: container.Id, name, requested: requestedOf(fixed) });
      const group = decision.failoverGroup;
      const election = group === undefined ? undefined : await elections.elect(group, container);
      const shared = election?.holder === container.Id ? election.addresses : [];
      const rateIn = decision.rateIn ?? rules.rate_in;
      const rateOut = decision.rateOut ?? rules.rate_out;
      const endpoint = endpointOf({
        mode: rules.mode,
        pools,
        inside: rules.inside,
        ...nic,
        leased,
        shared,
        isolate: rules.isolate,
        allowIn: decision.allowIn ?? rules.allow_in,
        ...(rateIn > 0 && { rateIn }),
        ...(rateOut > 0 && { rateOut }),
      });
      const extra = own.flatMap((text) => parseCidr(text)?.address.text ?? []);
      return {
        addresses: [...endpoint.addresses, ...own],
        own,
        gateways: decision.gateway === undefined ? endpoint.gateways : [decision.gateway],
        port: {
          portSecurity: {
            ...endpoint.portSecurity,
            addresses: [...endpoint.portSecurity.addresses, ...extra],
          },
          published: endpoint.published,
          ...(group !== undefined && { group, shared: endpoint.shared }),
        },
        addressTransfers: election?.addressTransfers ?? [],
        dependents: election?.dependents ?? [],
      };
    },

    async ended(id) {
      const desiredGuest = parts.desiredGuests().find((entry) => idOf(entry) === id);
      const group = desiredGuest?.ports.find((port) => port.group !== undefined)?.group;
      if (group === undefined) return { addressTransfers: [], dependents: [] };
      const { addressTransfers, dependents } = await elections.elect(group, undefined, id);
      return { addressTransfers, dependents };
    },

    removed: (id) => leases.release(id),
  };
}

/** A pool that is a Docker network as well would lead past that network, for the host and for all of its containers. */
function refuseOverlap({ NetworkSettings: settings }: DockerContainer, pools: readonly Pool[]): void {
  for (const [name, network] of Object.entries(settings?.Networks ?? {})) {
    const subnet = network && parseCidr(`${network.IPAddress}/${network.IPPrefixLen}`);
    if (!subnet) continue;
    const pool = pools.find((entry) => {
      const range = parseCidr(entry.subnet);
      return range !== undefined && overlaps(range, subnet);
    });
    if (pool === undefined) continue;
    const text = `The pool ${pool.subnet} overlaps Docker's network ${name}, where the container has ${subnet.address.text}`;
    throw new AgentError('bad-config', text);
  }
}

function requestedOf(texts: readonly string[]): { 4?: string; 6?: string } {
  const requested: { 4?: string; 6?: string } = {};
  for (const text of texts) {
    const address = text.split('/')[0] ?? text;
    requested[address.includes(':') ? 6 : 4] = address;
  }
  return requested;
}

function isInPools(text: string, pools: readonly Pool[]): boolean {
  const address = parseIp(text.split('/')[0] ?? text);
  return address !== undefined && poolOf(pools, address) !== undefined;
}
