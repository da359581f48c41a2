// The guests of this Proxmox node, read from /etc/pve.
import { stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { vmidFromText } from '../../../core/guest/vmid.ts';
import { isErrno } from '../../../core/lib/errors.ts';
import { nodeTreeFs, type TreeFs } from '../../../core/lib/tree-fs.ts';
import { type GuestConfig, parseGuestConfig } from './guest-config.ts';
import { parseVmlist, type VmlistResult } from './vmlist.ts';

export interface ProxmoxGuest {
  readonly vmid: number;
  readonly runtime: 'proxmox-qemu' | 'proxmox-lxc';
  readonly config: GuestConfig;
}

export type ProxmoxTree =
  /** Not a Proxmox host. */
  | { readonly state: 'absent' }
  /** The directory is there but pmxcfs is not: nothing may be concluded about any guest. */
  | { readonly state: 'unavailable'; readonly reason: string }
  | {
      readonly state: 'ready';
      readonly guests: ReadonlyMap<number, ProxmoxGuest>;
      readonly vmlist: VmlistResult;
      /** Guests whose configuration could not be read; they exist all the same. */
      readonly unreadable: ReadonlyMap<number, string>;
    };

export type ReadyTree = Extract<ProxmoxTree, { readonly state: 'ready' }>;

/** pmxcfs holds at most 1 MiB per file (pve-cluster: memdb MEMDB_MAX_FILE_SIZE). */
const MAX_BYTES = 1024 * 1024;

const FOLDERS = [
  ['qemu-server', 'proxmox-qemu', 'qemu'],
  ['lxc', 'proxmox-lxc', 'lxc'],
] as const;

export interface ProxmoxTreeOptions {
  /** `/etc/pve`. */
  readonly root: string;
  readonly fs?: TreeFs;
}

/** Reads all local guests. Does not throw; follows links only inside the tree (`qemu-server` is one). */
export async function readProxmoxTree({ root, fs = nodeTreeFs }: ProxmoxTreeOptions): Promise<ProxmoxTree> {
  let base: string;
  try {
    base = await fs.realpath(root);
    await fs.list(base);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return { state: 'absent' };
    return { state: 'unavailable', reason: message(error) };
  }
  const guests = new Map<number, ProxmoxGuest>();
  const unreadable = new Map<number, string>();
  let missing = 0;
  for (const [folder, runtime, kind] of FOLDERS) {
    let directory: string;
    let names: string[];
    try {
      directory = await inside(fs, base, join(base, folder));
      names = await fs.list(directory);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) return { state: 'unavailable', reason: message(error) };
      missing++;
      continue;
    }
    for (const name of names) {
      const vmid = name.endsWith('.conf') ? vmidFromText(name.slice(0, -'.conf'.length)) : undefined;
      if (vmid === undefined) continue;
      try {
        const text = await fs.read(await inside(fs, base, join(directory, name)), MAX_BYTES);
        guests.set(vmid, { vmid, runtime, config: parseGuestConfig(text, kind) });
      } catch (error) {
        // Migrated away or destroyed between listing and reading.
        if (!isErrno(error, 'ENOENT')) unreadable.set(vmid, message(error));
      }
    }
  }
  if (missing === FOLDERS.length)
    return { state: 'unavailable', reason: `${base} is empty: pmxcfs is not mounted` };
  return { state: 'ready', guests, unreadable, vmlist: await readVmlist(fs, base) };
}

/**
 * One guest, as a hook's event needs it; undefined when there is no such guest or it cannot be read.
 *
 * @param node the node that a live migration comes from: the configuration stays there until it is over
 *   (qemu-server QemuMigrate.pm:phase3_cleanup). Without it this node.
 */
export async function readProxmoxGuest(
  vmid: number,
  options: ProxmoxTreeOptions & { node?: string },
): Promise<ProxmoxGuest | undefined> {
  const found = await findGuest(vmid, options);
  return typeof found === 'string' ? undefined : found;
}

/** Why the guest's configuration on this node cannot be read; undefined when there is none. */
export async function proxmoxGuestProblem(
  vmid: number,
  options: ProxmoxTreeOptions,
): Promise<string | undefined> {
  const found = await findGuest(vmid, options);
  return typeof found === 'string' ? found : undefined;
}

/** The guest, or why its file cannot be read. */
async function findGuest(
  vmid: number,
  { root, fs = nodeTreeFs, node }: ProxmoxTreeOptions & { node?: string },
): Promise<ProxmoxGuest | string | undefined> {
  let problem: string | undefined;
  const above = node === undefined ? [] : ['nodes', node];
  for (const [folder, runtime, kind] of FOLDERS) {
    try {
      const base = await fs.realpath(root);
      const path = join(base, ...above, folder, `${vmid}.conf`);
      const text = await fs.read(await inside(fs, base, path), MAX_BYTES);
      return { vmid, runtime, config: parseGuestConfig(text, kind) };
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) problem ??= message(error);
    }
  }
  return problem;
}

/** When the guest's configuration was written last, milliseconds of the epoch; pmxcfs tells whole seconds. */
export async function configWrittenAt(vmid: number, root: string): Promise<number | undefined> {
  for (const [folder] of FOLDERS) {
    const found = await stat(join(root, folder, `${vmid}.conf`)).catch(() => undefined);
    if (found !== undefined) return found.mtimeMs;
  }
  return undefined;
}

/** The node that the cluster says the guest is on, or undefined. */
export async function readProxmoxNodeOf(
  vmid: number,
  { root, fs = nodeTreeFs }: ProxmoxTreeOptions,
): Promise<string | undefined> {
  const base = await fs.realpath(root).catch(() => undefined);
  if (base === undefined) return undefined;
  const list = await readVmlist(fs, base);
  const node = list.ok ? list.guests.get(vmid)?.node : undefined;
  return node !== undefined && /^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$/.test(node) ? node : undefined;
}

async function readVmlist(fs: TreeFs, base: string): Promise<VmlistResult> {
  try {
    return parseVmlist(await fs.read(await inside(fs, base, join(base, '.vmlist')), MAX_BYTES));
  } catch (error) {
    return { ok: false, problem: `.vmlist cannot be read: ${message(error)}` };
  }
}

async function inside(fs: TreeFs, base: string, path: string): Promise<string> {
  const real = await fs.realpath(path);
  if (!real.startsWith(base + sep)) throw new Error(`${path} leads out of ${base}`);
  return real;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
