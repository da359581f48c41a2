// Reads what the kernel makes while it is read: files of proc and sysfs.

import { open } from 'node:fs/promises';

/** As much as one read gives at most. */
const PIECE_BYTES = 65_536;

/**
 * Such a file says that it is empty, and a read gives about a page of it. Node 18's own `readFile` of promises takes the first
 * such piece for all there is (nodejs/node, lib/internal/fs/promises.js, `readFileHandle`). Throws what the file system throws.
 */
export async function readProc(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const pieces: Buffer[] = [];
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, null);
      if (bytesRead === 0) return Buffer.concat(pieces).toString('utf8');
      pieces.push(Buffer.from(buffer.subarray(0, bytesRead)));
    }
  } finally {
    await file.close();
  }
}
