// Brings a link of the host up, with its addresses.

import type { Exec } from '../exec.ts';

/** Adds what is missing and removes nothing. Throws `exec-failed`. */
export async function bringUp(exec: Exec, link: string, addresses: readonly string[]): Promise<void> {
  await exec('ip', ['link', 'set', 'dev', link, 'up']);
  for (const address of addresses) await exec('ip', ['address', 'replace', address, 'dev', link]);
}
