// With 1:1 translation: which inside address a container has for its public one; pure.

import { parseCidr, parseIp } from '../../core/lib/cidr.ts';
import type { Pool } from '../types.ts';

const BITS = 32;
/** The inside subnet's own address and its gateway come first. */
const FIRST_GUEST = 2n;

/**
 * The inside address that stands for a pool's address: the same place in `inside` as the address has in the pools, one
 * after the other, so that no table has to be kept. Undefined when `inside` is too small, or for IPv6, which is never
 * translated.
 */
export function insideOf(address: string, pools: readonly Pool[], inside: string): string | undefined {
  const wanted = parseIp(address);
  const subnet = parseCidr(inside);
  if (wanted?.family !== 4 || subnet?.address.family !== 4) return undefined;
  let place = FIRST_GUEST;
  for (const pool of pools) {
    const range = parseCidr(pool.subnet);
    if (range?.address.family !== 4) continue;
    const size = 1n << BigInt(BITS - range.prefix);
    const offset = wanted.value - range.address.value;
    if (offset >= 0n && offset < size) {
      const found = place + offset;
      // The last address of the inside subnet is its broadcast address.
      return found < (1n << BigInt(BITS - subnet.prefix)) - 1n
        ? ipv4(subnet.address.value + found)
        : undefined;
    }
    place += size;
  }
  return undefined;
}

/** The inside subnet as the pool that containers really have addresses of. */
export function insidePool(inside: string): Pool | undefined {
  const subnet = parseCidr(inside);
  if (subnet?.address.family !== 4) return undefined;
  return { family: 4, subnet: subnet.text, gateway: ipv4(subnet.address.value + 1n), prefix: subnet.prefix };
}

function ipv4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
}
