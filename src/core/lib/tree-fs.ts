// Reading small files of a directory tree without ever leaving it or hanging on something that is not a file.
import { constants } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';

const CHUNK = 16 * 1024;

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
      // The limit is on what is read, because a file may grow between stat and read.
      const chunks: Buffer[] = [];
      let length = 0;
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, length);
        if (bytesRead === 0) return Buffer.concat(chunks).toString('utf8');
        length += bytesRead;
        if (length > maxBytes) throw new Error(`${path} is larger than ${maxBytes} bytes`);
        chunks.push(buffer.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  },
};
