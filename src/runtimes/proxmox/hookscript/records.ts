// The records of hookscripts as files below /etc/pve, which pmxcfs gives to every node: they go where a guest migrates to.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { vmidFromText } from '../../../core/guest/vmid.ts';
import { writeFileAtomically } from '../../../core/lib/atomic-file.ts';
import { AgentError, isErrno } from '../../../core/lib/errors.ts';
import { makeDirs } from '../../../core/lib/make-dirs.ts';
import { nodeTreeFs } from '../../../core/lib/tree-fs.ts';
import { formatRecord, type HookscriptRecord, parseRecord, type ReadRecord } from './record.ts';

const MAX_BYTES = 16 * 1024;

export interface HookscriptRecords {
  pathOf(vmid: number): string;
  read(vmid: number): Promise<ReadRecord>;
  /** Throws `proxmox-read-only`. */
  write(vmid: number, record: HookscriptRecord): Promise<void>;
  /** Throws `proxmox-read-only`. */
  remove(vmid: number): Promise<void>;
  vmids(): Promise<number[]>;
}

/** @param root `/etc/pve` */
export function openRecords(root: string): HookscriptRecords {
  const directory = join(root, 'ovs-port-agent', 'hookscripts');
  const pathOf = (vmid: number) => join(directory, String(vmid));
  return {
    pathOf,
    async read(vmid) {
      try {
        return parseRecord(await nodeTreeFs.read(pathOf(vmid), MAX_BYTES));
      } catch (error) {
        return isErrno(error, 'ENOENT', 'ENOTDIR') ? undefined : 'damaged';
      }
    },
    write: (vmid, record) =>
      writing(directory, async () => {
        await makeDirs(directory);
        await writeFileAtomically(pathOf(vmid), formatRecord(record));
      }),
    remove: (vmid) => writing(directory, () => rm(pathOf(vmid), { force: true })),
    async vmids() {
      const names = await readdir(directory).catch((error: unknown) => {
        if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
        throw error;
      });
      return names.flatMap((name) => vmidFromText(name) ?? []);
    },
  };
}

/** Without quorum pmxcfs answers every write, also root's, with EACCES. */
async function writing(directory: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Its text only: a cause of this kind would read as "you are not root".
    const text = error instanceof Error ? error.message : String(error);
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS')) {
      throw new AgentError('proxmox-read-only', `Nothing can be written below ${directory}: ${text}`);
    }
    throw new AgentError('proxmox-unavailable', `${directory} cannot be written: ${text}`);
  }
}
