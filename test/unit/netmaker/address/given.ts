// What the tests of leases start from.
import { isAgentError } from '../../../../src/core/lib/errors.ts';
import { type LeaseRequest, lease } from '../../../../src/netmaker/address/lease.ts';
import { EMPTY_LEASE_STATE, type LeaseState } from '../../../../src/netmaker/address/lease-state.ts';
import type { Pool } from '../../../../src/netmaker/types.ts';

export const MINUTE = 60_000;
export const NOW = 1_700_000_000_000;

export const POOL: Pool = { family: 4, subnet: '203.0.113.0/24', gateway: '203.0.113.1', prefix: 24 };
export const POOL6: Pool = { family: 6, subnet: '2001:db8::/64', gateway: '2001:db8::1', prefix: 64 };

/** A container's id. */
export const id = (n: number) => n.toString(16).padStart(64, '0');

export function request(n: number, more: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    key: id(n),
    name: `c${n}`,
    requested: {},
    pools: [POOL],
    reserved: [],
    inUse: new Set(),
    now: NOW,
    cooldownMs: 5 * MINUTE,
    ...more,
  };
}

/** The state after these containers were leased in this order. */
export function given(...numbers: number[]): LeaseState {
  return numbers.reduce((state, n) => lease(state, request(n)).state, EMPTY_LEASE_STATE);
}

/** The addresses that a request gets, as text. */
export function addresses(state: LeaseState, asked: LeaseRequest): string[] {
  return lease(state, asked).addresses.map(({ address }) => address);
}

export function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return isAgentError(error) ? error.code : `not an AgentError: ${error}`;
  }
  return undefined;
}
