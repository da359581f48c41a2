// Copies what this node wants to show to where all nodes see it. Run by a unit of its own, which may write below /etc/pve.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';
import { AgentError, isErrno } from '../../core/lib/errors.ts';
import { makeDirs } from '../../core/lib/make-dirs.ts';
import { sharedFolder } from './published.ts';

/** The proofs first: a checkpoint without them is waited for, proofs of a checkpoint that is not there yet do no harm. */
const ORDER = ['cosigned', 'proofs', 'checkpoint'];

/**
 * Returns how many files were written. Throws `proxmox-unavailable` without the cluster's file system, `proxmox-read-only`
 * where the cluster has no quorum.
 *
 * @param root `/etc/pve`
 */
export async function publishOut(out: string, root: string): Promise<number> {
  const names = await readdir(out).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const files = names
    .filter((name) => ORDER.includes(kindOf(name)))
    .sort((a, b) => ORDER.indexOf(kindOf(a)) - ORDER.indexOf(kindOf(b)));
  // pmxcfs shows what nodes there are; an empty folder in its place is not it.
  if (!(await isThere(join(root, 'nodes'))))
    throw new AgentError('proxmox-unavailable', `${root} has no nodes`);
  const folder = sharedFolder(root);
  let written = 0;
  try {
    await makeDirs(folder);
    for (const name of files) {
      const text = await readFile(join(out, name), 'utf8');
      if ((await readFile(join(folder, name), 'utf8').catch(() => undefined)) === text) continue;
      await writeFileAtomically(join(folder, name), text, 0o644);
      written += 1;
    }
  } catch (cause) {
    if (isErrno(cause, 'EACCES', 'EROFS', 'EPERM'))
      throw new AgentError('proxmox-read-only', `${folder} cannot be written`, { cause });
    throw cause;
  }
  return written;
}

const kindOf = (name: string) => name.slice(name.lastIndexOf('.') + 1);

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
