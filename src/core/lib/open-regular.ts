// Opens a file to be read, and nothing that is none: a FIFO would be waited for, a device read for ever.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/** Throws the system's errors (`code`), and `EINVAL` for what is no regular file. */
export async function openRegular(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw notRegular(path);
}

export const notRegular = (path: string): Error =>
  Object.assign(new Error(`it is no regular file, open '${path}'`), { code: 'EINVAL', path });
