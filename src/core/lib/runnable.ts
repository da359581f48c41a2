// Whether the system would run a file, and if not, why.

import { access, constants, stat } from 'node:fs/promises';

/** `noexec`: its file system is mounted so that nothing on it runs, whatever the file's own mode says. */
export type FileState = 'fine' | 'missing' | 'not-executable' | 'noexec';

/** For whoever asks; the kernel refuses root as well where no execute bit is set (access(2), path_resolution(7)). */
export async function fileState(path: string): Promise<FileState> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return 'missing';
  const runs = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (runs) return 'fine';
  return process.getuid?.() === 0 && (found.mode & 0o111) !== 0 ? 'noexec' : 'not-executable';
}

/** For a file that is on a mount with `noexec`: which mount that is, is for findmnt to say. */
export function allowExec(path: string): string {
  const mount = `$(findmnt -f -n -o TARGET --target ${path})`;
  return `mount -o remount,exec "${mount}", and take noexec out of its line in /etc/fstab`;
}
