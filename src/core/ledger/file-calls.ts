// How files are read: through Node's thread pool, or at once for programs that have nothing else to do meanwhile.
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { notRegular, openRegular } from '../lib/open-regular.ts';
import type { ReadFile } from './byte-source.ts';

/** All throw the system's errors. */
export type FileCalls = {
  /** Throws `EINVAL` for what is no regular file. */
  open(path: string): Promise<ReadFile>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Buffer>;
};

export const pooled: FileCalls = { open: openRegular, readdir, readFile };

/** A read from the page cache takes a tenth of the time, and everything else waits for it. */
export const blocking: FileCalls = {
  async open(path) {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(fd).isFile()) {
      closeSync(fd);
      throw notRegular(path);
    }
    return {
      read: async (buffer, offset, length, position) => ({
        bytesRead: readSync(fd, buffer, offset, length, position),
      }),
      stat: async (options) => fstatSync(fd, options),
      close: async () => closeSync(fd),
    };
  },
  readdir: async (path) => readdirSync(path),
  readFile: async (path) => readFileSync(path),
};
