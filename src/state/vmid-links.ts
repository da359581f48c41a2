// Links by VMID to the binding files: `by-vmid/101` leads to `../vi101.json`, the second NIC's `101i1` to `../vi101i1.json`.

import { lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parsePortName } from '../core/guest/vmid.ts';
import { isErrno } from '../core/lib/errors.ts';

export interface VmidLinks {
  /** The file of this port is there. */
  add(port: string): void;
  /** The file is about to go: a link is never left without its file, but for a crash. */
  remove(port: string): void;
}

/**
 * Brings the links in `directory` into step with the ports whose files are there now, and sweeps what a crash left.
 * The links are made without threads, as the files are (`writeMemoryFile`).
 */
export function openVmidLinks(directory: string, ports: readonly string[]): VmidLinks {
  ensureDirectory(directory);
  const pathOf = (port: string) => join(directory, linkName(port));
  const linked = new Set<string>();
  const add = (port: string) => {
    if (linked.has(port) || parsePortName(port) === undefined) return;
    if (targetOf(pathOf(port)) !== fileOf(port)) {
      rmSync(pathOf(port), { recursive: true, force: true });
      symlinkSync(fileOf(port), pathOf(port));
    }
    linked.add(port);
  };
  const desired = new Set(ports.map(linkName));
  for (const name of readdirSync(directory)) {
    if (!desired.has(name)) rmSync(join(directory, name), { recursive: true, force: true });
  }
  for (const port of ports) add(port);
  return {
    add,
    remove(port) {
      if (linked.delete(port)) rmSync(pathOf(port), { force: true });
    },
  };
}

const linkName = (port: string) => port.replace(/^vi/, '');
const fileOf = (port: string) => `../${port}.json`;

function ensureDirectory(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false) rmSync(path);
  mkdirSync(path, { recursive: true, mode: 0o750 });
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}
