// The addresses of the host's links: brings a link up with its own, and tells which there are.

import { networkInterfaces } from 'node:os';
import type { Exec } from '../lib/exec.ts';
import { makeDeaf } from './own-interface.ts';

/** Brings a bridge's own interface up; adds what is missing and removes nothing. Throws `exec-failed`. */
export async function bringUp(
  exec: Exec,
  link: string,
  { addresses, ipv6 }: { addresses: readonly string[]; ipv6: boolean },
): Promise<void> {
  await makeDeaf(exec, link, ipv6);
  await exec('ip', ['link', 'set', 'dev', link, 'up']);
  for (const address of addresses) await exec('ip', ['address', 'replace', address, 'dev', link]);
}

/** All addresses that the host has, without prefix length. */
export function hostAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap(
    (entries) => entries?.map(({ address }) => address) ?? [],
  );
}
