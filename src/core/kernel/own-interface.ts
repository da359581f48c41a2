// What the host's own interface of a bridge believes of the guests on it: no router, no prefix, no better way.
//
// The kernel's default is to believe: one router advertisement of a guest gives the host a default route and an address
// (Documentation/networking/ip-sysctl.rst: accept_ra, autoconf, accept_redirects).

import { readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { z } from 'zod';
import { isErrno } from '../lib/errors.ts';
import type { Exec } from '../lib/exec.ts';

const ROOT = '/proc/sys/net';

/** Settings with the value that a bridge's own interface has to have. `ipv6`: whether it is to have IPv6 at all. */
function settingsOf(link: string, ipv6: boolean): [path: string, value: string][] {
  const six = `ipv6/conf/${link}`;
  const deaf = ['accept_ra', 'autoconf', 'accept_redirects'].map((name): [string, string] => [
    `${six}/${name}`,
    '0',
  ]);
  return [...deaf, [`${six}/disable_ipv6`, ipv6 ? '0' : '1'], [`ipv4/conf/${link}/accept_redirects`, '0']];
}

/** Undefined where the kernel has no such setting: no such link, or no IPv6. */
function read(path: string): string | undefined {
  try {
    return readFileSync(`${ROOT}/${path}`, 'utf8').trim();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}

const LINK_LOCAL = /^fe[89ab]/i;

/** Whether the interface believes no guest, and has no IPv6 that nobody asked for. */
export function isDeaf(link: string, ipv6: boolean): boolean {
  return settingsOf(link, ipv6).every(([path, value]) => {
    const now = read(path);
    if (now === undefined || now === value) return true;
    if (!path.endsWith('/disable_ipv6'))
      return read(`ipv6/conf/${link}/disable_ipv6`) === '1' && path.startsWith('ipv6/');
    // An address that somebody has given it keeps IPv6 there; see `makeDeaf`.
    return (
      !ipv6 &&
      (networkInterfaces()[link] ?? []).some(
        ({ family, address }) => family === 'IPv6' && !LINK_LOCAL.test(address),
      )
    );
  });
}

const addressesSchema = z.array(
  z.object({
    addr_info: z
      .array(z.object({ scope: z.string().optional(), dynamic: z.boolean().optional() }))
      .default([]),
  }),
);

/** Whether it has an address of IPv6 that somebody gave it, beyond those that it made up from what it heard. */
async function hasGivenIpv6(exec: Exec, link: string): Promise<boolean> {
  const text = await exec('ip', ['-json', '-6', 'address', 'show', 'dev', link]);
  const found = addressesSchema.parse(text.trim() === '' ? [] : JSON.parse(text));
  return found.some(({ addr_info }) =>
    addr_info.some(({ scope, dynamic }) => scope !== 'link' && dynamic !== true),
  );
}

/**
 * The host's end of a guest's NIC: on a user-space datapath the kernel hears what comes in there, too. Proxmox does the
 * same with its own (PVE::Network::tap_create, veth_create). One that is gone, or a kernel without IPv6, is fine.
 */
export function withoutIpv6(link: string): void {
  const path = `ipv6/conf/${link}/disable_ipv6`;
  if ((read(path) ?? '1') === '1') return;
  try {
    writeFileSync(`${ROOT}/${path}`, '1');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error;
  }
}

/**
 * Before the interface comes up: from then on it hears. Where IPv6 is not asked for it goes, with what was learned; an
 * address of it that somebody else has given the interface counts as asking. Throws the system's error, or `exec-failed`.
 */
export async function makeDeaf(exec: Exec, link: string, ipv6: boolean): Promise<void> {
  if (isDeaf(link, ipv6)) return;
  const wanted = ipv6 || (read(`ipv6/conf/${link}/disable_ipv6`) === '0' && (await hasGivenIpv6(exec, link)));
  for (const [path, value] of settingsOf(link, wanted)) {
    const now = read(path);
    if (now !== undefined && now !== value) writeFileSync(`${ROOT}/${path}`, value);
  }
}
