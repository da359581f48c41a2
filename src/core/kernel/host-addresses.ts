// Which addresses the host has on which device. Asking the kernel for all of them takes the longer the more devices there
// are, guests' too, so the answer is kept for as long as two short texts of the kernel stay the same.

import { readFileSync } from 'node:fs';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { isErrno } from '../lib/errors.ts';

type Addresses = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

export interface HostAddressParts {
  read: (path: string) => string;
  ask: () => Addresses;
}

/** The addresses of each device that is up. Those of IPv6's link-local kind may be missing: every device has one. */
export type HostAddresses = () => Addresses;

/** fib_trie(proc_net) lists every address of IPv4 as a local route, without its device; if_inet6 those of IPv6, with it. */
const IPV4 = '/proc/net/fib_trie';
const IPV6 = '/proc/net/if_inet6';
/** Those of the second file change with each guest. */
const LINK_LOCAL_LINES = /^fe80.*(?:\n|$)/gm;

export function openHostAddresses({ read, ask }: HostAddressParts): HostAddresses {
  let known: { signs: string; addresses: Addresses } | undefined;
  const signsNow = (): string | undefined => {
    try {
      return `${read(IPV4)}\n${ipv6Of(read)}`;
    } catch {
      return undefined;
    }
  };
  return () => {
    const signs = signsNow();
    if (signs !== undefined && known?.signs === signs) return known.addresses;
    // Read before: an address that comes meanwhile makes the next look ask again.
    const addresses = ask();
    known = signs === undefined ? undefined : { signs, addresses };
    return addresses;
  };
}

function ipv6Of(read: (path: string) => string): string {
  try {
    return read(IPV6).replace(LINK_LOCAL_LINES, '');
  } catch (error) {
    // A kernel without IPv6.
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

export const kernelAddresses = (): HostAddresses =>
  openHostAddresses({ read: (path) => readFileSync(path, 'utf8'), ask: networkInterfaces });
