// A file that is either the old one or the new one after a crash, never half of each.
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Temporary file beside it, fsync, rename, fsync of the directory. Throws the system's error; leaves no litter. */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array,
  mode = 0o640,
): Promise<void> {
  const temporary = temporaryFor(path);
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/**
 * The same for a file in memory (/run), where there is nothing to synchronise: done before it returns, since
 * handing each of the steps to a thread takes ten times as long as the steps.
 */
export function writeMemoryFile(path: string, data: string, mode = 0o640): void {
  const temporary = temporaryFor(path);
  try {
    writeFileSync(temporary, data, { flag: 'wx', mode });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Whether a file of this name is one that was to be renamed; a process that was killed leaves it behind. */
export const isTemporary = (name: string): boolean => /\.tmp-[0-9a-f]{12}$/.test(name);

const temporaryFor = (path: string) => `${path}.tmp-${randomBytes(6).toString('hex')}`;

/** Without this a rename may be lost with the power although the file's bytes are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
