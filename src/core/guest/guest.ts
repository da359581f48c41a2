// Who a guest is: the one identity that events, plan, ports and ledger share.

import { createHash } from 'node:crypto';
import type { GuestRuntime } from './runtimes.ts';

export { GUEST_RUNTIMES, type GuestRuntime } from './runtimes.ts';

export interface Guest {
  readonly runtime: GuestRuntime;
  readonly vmid: number;
  /** What people call it: `name`/`hostname` of Proxmox, the container's name elsewhere. */
  readonly name: string;
  /** The runtime's own identifier where it differs from the name: Docker's 64 hexadecimal digits. */
  readonly id?: string;
}

/** Longest name we carry: LXC's directory name and Docker's names both stay below the file system's 255. */
const NAME_MAX = 255;

/** What is wrong with a guest's name or identifier, or undefined. Names reach terminals, logs and file names. */
export function guestNameProblem(name: string): string | undefined {
  if (name === '') return 'a guest name must not be empty';
  if (name.length > NAME_MAX)
    return `a guest name has at most ${NAME_MAX} characters, this one has ${name.length}`;
  if (name === '.' || name === '..') return `a guest name must not be ${JSON.stringify(name)}`;
  if (name.includes('/')) return `a guest name must not contain "/": ${JSON.stringify(name)}`;
  if (/[\p{C}\p{Z}]/u.test(name)) {
    return `a guest name must not contain spaces or control characters: ${JSON.stringify(name)}`;
  }
  return undefined;
}

/**
 * The name as Docker's API gives it, without its slash; one that is longer than we carry ends in a digest of the whole, so
 * that two of them stay two.
 */
export function shortGuestName(text: string): string {
  const name = text.replace(/^\//, '');
  if (name.length <= NAME_MAX) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${name.slice(0, NAME_MAX - digest.length - 1)}~${digest}`;
}
