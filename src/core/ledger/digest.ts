// The SHA-256 of a whole file, a piece at a time.
import { createHash } from 'node:crypto';
import { type Readable, readFully } from './byte-source.ts';

/** In hex, and how many bytes that was. */
export async function digest(source: Readable): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (;;) {
    const piece = await readFully(source, bytes, 1 << 20);
    if (piece.length === 0) return { sha256: hash.digest('hex'), bytes };
    hash.update(piece);
    bytes += piece.length;
  }
}
