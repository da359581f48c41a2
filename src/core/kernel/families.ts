// Which families of addresses the kernel has: with `ipv6.disable=1`, or built without it, nothing can be asked of IPv6.

import { existsSync } from 'node:fs';

export type Family = 4 | 6;

/** A kernel without IPv6 has no settings of it (Documentation/networking/ipv6.rst). */
export function kernelFamilies(root = '/proc/sys'): Family[] {
  return existsSync(`${root}/net/ipv6/conf`) ? [4, 6] : [4];
}
