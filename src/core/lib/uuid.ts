// Random identifiers for hooks, from the kernel: loading node:crypto would take longer than all that a hook computes.

import { readFileSync } from 'node:fs';

/** A random UUID (random(4), /proc/sys/kernel/random/uuid). */
export function kernelUuid(): string {
  return readFileSync('/proc/sys/kernel/random/uuid', 'utf8').trim();
}
