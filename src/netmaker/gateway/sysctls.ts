// Kernel settings through /proc/sys.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { kernelNameProblem } from '../../core/lib/device-name.ts';
import { isErrno } from '../../core/lib/errors.ts';

export interface Sysctls {
  /** Undefined where the kernel has no such setting. */
  read(path: string): string | undefined;
  /** Throws the system's error. */
  write(path: string, value: string): void;
  /** Devices that have settings of IPv6, with `all` and `default`. */
  devices6(): string[];
}

/** Read without threads, as `links.ts` does: the kernel makes these texts in memory. */
export function openSysctls(root = '/proc/sys'): Sysctls {
  return {
    read(path) {
      try {
        return readFileSync(`${root}/${path}`, 'utf8').trim();
      } catch (error) {
        if (isErrno(error, 'ENOENT', 'ENODEV')) return undefined;
        throw error;
      }
    },
    write: (path, value) => writeFileSync(`${root}/${path}`, value),
    devices6() {
      try {
        return readdirSync(`${root}/net/ipv6/conf`).filter(
          (name) => name === 'all' || name === 'default' || kernelNameProblem(name) === undefined,
        );
      } catch (error) {
        if (isErrno(error, 'ENOENT')) return [];
        throw error;
      }
    },
  };
}
