// Gives a file that takes another one's place the owner of that one.

import type { FileHandle } from 'node:fs/promises';
import { isErrno } from './errors.ts';

/**
 * A file that belongs to the same user and group already is left alone: the agent's unit has no system call to change owners
 * (SystemCallFilter=~@privileged). Where they differ and that is not allowed, it stays the writer's. Throws what else fails.
 */
export async function keepOwner(
  file: Pick<FileHandle, 'stat' | 'chown'>,
  { uid, gid }: { uid: number; gid: number },
): Promise<void> {
  const own = await file.stat();
  if (own.uid === uid && own.gid === gid) return;
  await file.chown(uid, gid).catch((error: unknown) => {
    if (!isErrno(error, 'EPERM')) throw error;
  });
}
