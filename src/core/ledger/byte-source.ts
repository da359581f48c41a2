// Bytes that can be read at any place, whether they stand in a file as they are or packed.
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** What reads need. A `FileHandle` is one. */
export type Readable = {
  /** Fewer bytes than asked for only at the end or where the source finds it handy; 0 at the end. */
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
};

export type ByteSource = Readable & {
  /** In bytes, unpacked. */
  size(): Promise<number>;
  /** Why the bytes at `offset` are not those that were written; what cannot be unpacked reads as one line that is no block. */
  damage(offset: number): string | undefined;
  /** The same for two names of one file. */
  readonly id: string;
  /** Of a file whose bytes stand in it as they are. */
  readonly fd?: number;
  close(): Promise<void>;
};

export async function fileSource(file: FileHandle): Promise<ByteSource> {
  const id = await idOf(file);
  return {
    read: (buffer, offset, length, position) => file.read(buffer, offset, length, position),
    size: async () => (await file.stat()).size,
    damage: () => undefined,
    id,
    fd: file.fd,
    close: () => file.close(),
  };
}

/**
 * Reads without a way through Node's thread pool, which takes ten times as long as a read from the page cache. For programs that
 * have nothing else to do meanwhile.
 */
export const blocking = (fd: number): Readable => ({
  read: async (buffer, offset, length, position) => ({
    bytesRead: readSync(fd, buffer, offset, length, position),
  }),
});

export async function idOf(file: FileHandle): Promise<string> {
  const { dev, ino } = await file.stat({ bigint: true });
  return `${dev}:${ino}`;
}

/** Reads exactly `length` bytes, fewer only where the source ends. */
export async function readFully(source: Readable, from: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let held = 0;
  while (held < length) {
    const { bytesRead } = await source.read(bytes, held, length - held, from + held);
    if (bytesRead === 0) break;
    held += bytesRead;
  }
  return bytes.subarray(0, held);
}
