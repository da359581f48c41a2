// Reading small files of a directory tree without ever leaving it or hanging on something that is not a file.
import { constants } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';

/** The few file system calls that the readers need; tests bring their own. Errors are the system's (`code`). */
export interface TreeFs {
  list(directory: string): Promise<string[]>;
  realpath(path: string): Promise<string>;
  /** Text of a regular file; throws when it is no regular file or has more than `maxBytes`. */
  read(path: string, maxBytes: number): Promise<string>;
}

export const nodeTreeFs: TreeFs = {
  list: (directory) => readdir(directory),
  realpath: (path) => realpath(path),
  async read(path, maxBytes) {
    // O_NONBLOCK: opening a FIFO that somebody put there would wait for a writer for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw new Error(`${path} is not a regular file`);
      // Files of pmxcfs may change between stat and read, so the limit is on what is read.
      const buffer = Buffer.alloc(maxBytes + 1);
      let length = 0;
      while (length <= maxBytes) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
        if (bytesRead === 0) return buffer.toString('utf8', 0, length);
        length += bytesRead;
      }
      throw new Error(`${path} is larger than ${maxBytes} bytes`);
    } finally {
      await file.close();
    }
  },
};
