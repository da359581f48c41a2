// From leased addresses to what a container's NIC, its port and the host get; pure.

import { AgentError } from '../../core/lib/errors.ts';
import type { PortSecurity, PublishedAddress, ServiceRule } from '../../core/plan/port-security.ts';
import type { Pool, PublicMode } from '../types.ts';
import { insideOf, insidePool } from './inside.ts';
import type { LeasedAddress } from './lease.ts';

export interface EndpointRequest {
  mode: PublicMode;
  pools: readonly Pool[];
  /** Inside subnet of `nat1to1`. */
  inside: string;
  /** `vi<VMID>`. */
  port: string;
  mac: string;
  leased: readonly LeasedAddress[];
  /** Addresses of the container's fail-over group that it holds now. */
  shared: readonly LeasedAddress[];
  isolate: boolean;
  allowIn: readonly ServiceRule[];
  rateIn?: number;
  rateOut?: number;
}

export interface Endpoint {
  /** With prefix length; the container's own come first, so that they are its source addresses. */
  addresses: string[];
  gateways: string[];
  /** What of `addresses` is held for the group, without prefix length. */
  shared: string[];
  portSecurity: PortSecurity;
  published: PublishedAddress[];
}

/** Throws `address-outside-pool` when the inside subnet of `nat1to1` has no place for an address. */
export function endpointOf(request: EndpointRequest): Endpoint {
  const { mode, port, mac, isolate, allowIn, rateIn, rateOut } = request;
  const own = request.leased.flatMap((lease) => nicAddress(lease, request));
  const shared = request.shared.flatMap((lease) => nicAddress(lease, request));
  const all = [...own, ...shared];
  return {
    addresses: all.map(({ address, prefix }) => `${address}/${prefix}`),
    gateways: ([4, 6] as const).flatMap(
      (family) => all.find((entry) => entry.family === family)?.gateway ?? [],
    ),
    shared: shared.map(({ address }) => address),
    portSecurity: {
      mac,
      addresses: all.map(({ address }) => address),
      isolate,
      allowIn,
      ...(rateIn !== undefined && { rateIn }),
      ...(rateOut !== undefined && { rateOut }),
    },
    // In l2 mode the host has no part in it.
    published:
      mode === 'l2'
        ? []
        : all.map(({ address, leased }) => ({
            port,
            address: leased,
            ...(leased !== address && { inside: address }),
            mac,
            allowIn,
          })),
  };
}

type NicAddress = LeasedAddress & { leased: string };

function nicAddress(lease: LeasedAddress, { mode, pools, inside }: EndpointRequest): NicAddress[] {
  if (mode !== 'nat1to1') return [{ ...lease, leased: lease.address }];
  if (lease.family === 6) return [];
  const address = insideOf(lease.address, pools, inside);
  const pool = insidePool(inside);
  if (address === undefined || pool === undefined) {
    throw new AgentError(
      'address-outside-pool',
      `${inside} (netmaker.inside) has no place for ${lease.address}`,
    );
  }
  return [{ family: 4, address, prefix: pool.prefix, gateway: pool.gateway, leased: lease.address }];
}
