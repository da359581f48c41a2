// Reads a file that somebody named: never more of it than there can be to read, and never for longer than somebody waits.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from './errors.ts';

const PIECE_BYTES = 64 * 1024;
/** How long (ms) to wait for whoever writes into a pipe, and how often to look. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 20;

/**
 * A pipe (`<(curl …)`) is read to its end, as long as somebody writes into it; one that nobody has open for writing is empty.
 * Throws the system's errors, `EFBIG` for more than `maxBytes`, `ETIMEDOUT` for a pipe without an end.
 */
export async function readLimited(path: string, maxBytes: number, patience = PATIENCE_MS): Promise<Buffer> {
  // O_NONBLOCK: opening a FIFO would wait for a writer for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const until = performance.now() + patience;
  try {
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE_BYTES);
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, null).catch(async (error: unknown) => {
        if (!isErrno(error, 'EAGAIN')) throw error;
        if (performance.now() >= until)
          throw failure('ETIMEDOUT', `nobody has ended what '${path}' gives within ${patience / 1000} s`);
        await sleep(LOOK_MS);
        return { bytesRead: -1 };
      });
      if (bytesRead === 0) return Buffer.concat(pieces);
      length += Math.max(bytesRead, 0);
      if (length > maxBytes)
        throw failure('EFBIG', `it has more than the ${maxBytes / 1024} KiB that such a file may have`);
      if (bytesRead > 0) pieces.push(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

const failure = (code: string, message: string) => Object.assign(new Error(message), { code });
