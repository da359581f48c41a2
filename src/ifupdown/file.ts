// One interfaces file on the disk: read whole, replaced in one step with its owner and mode kept.

import { constants, type Stats } from 'node:fs';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from '../core/lib/atomic-file.ts';
import { AgentError, asAgentError, isErrno } from '../core/lib/errors.ts';

const MAX_BYTES = 1024 * 1024;

export interface InterfacesFile {
  /** Where it really is: a symbolic link stays one. */
  readonly path: string;
  /** One character per byte, so that no byte is lost whatever the encoding. */
  readonly text: string;
  readonly stats: Stats;
}

/** The file, or undefined when there is none. Throws `interfaces-not-editable`. */
export async function readInterfaces(path: string): Promise<InterfacesFile | undefined> {
  try {
    const target = await realpath(path);
    // O_NONBLOCK: opening a FIFO would wait for a writer for ever.
    const file = await open(target, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error('not a regular file');
      if (stats.size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES} bytes`);
      return { path: target, text: (await file.readFile()).toString('latin1'), stats };
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw new AgentError('interfaces-not-editable', `${path} cannot be read`, { cause });
  }
}

/**
 * Replaces the file that was read. After a crash it is the old one or the new one. The caller holds Proxmox's lock, so
 * the temporary file has a fixed name and what a crash left of it is used again. Throws `interfaces-busy` when somebody
 * without the lock has changed the file since it was read, `interfaces-not-editable`.
 */
export async function replaceInterfaces(read: InterfacesFile, text: string, move = rename): Promise<void> {
  const { path, stats } = read;
  const temporary = `${path}.ovs-port-agent`;
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(Buffer.from(text, 'latin1'));
      await file.chown(stats.uid, stats.gid);
      await file.chmod(stats.mode & 0o7777);
      await file.sync();
    } finally {
      await file.close();
    }
    const now = await stat(path);
    if (now.ino !== stats.ino || now.mtimeMs !== stats.mtimeMs || now.size !== stats.size) {
      throw new AgentError('interfaces-busy', `${path} was changed while it was being edited`);
    }
    await move(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw asAgentError(error, 'interfaces-not-editable', `${path} cannot be written`);
  }
}
