// Bytes that can be read at any place, whether they stand in a file as they are or packed.
import type { BigIntStats } from 'node:fs';

/** What reads need. A `FileHandle` is one. */
export type Readable = {
  /** Fewer bytes than asked for only at the end or where the source finds it handy; 0 at the end. */
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
};

/** An open file to be read. A `FileHandle` is one. */
export type ReadFile = Readable & {
  stat(options: { bigint: true }): Promise<BigIntStats>;
  /** Once. */
  close(): Promise<void>;
};

export type ByteSource = Readable & {
  /** In bytes, unpacked. */
  size(): Promise<number>;
  /** Why the bytes at `offset` are not those that were written; what cannot be unpacked reads as one line that is no block. */
  damage(offset: number): string | undefined;
  /** The same for two names of one file. */
  readonly id: string;
  close(): Promise<void>;
};

export async function fileSource(file: ReadFile): Promise<ByteSource> {
  const id = await idOf(file);
  return {
    read: (buffer, offset, length, position) => file.read(buffer, offset, length, position),
    size: async () => Number((await file.stat({ bigint: true })).size),
    damage: () => undefined,
    id,
    close: () => file.close(),
  };
}

export async function idOf(file: ReadFile): Promise<string> {
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
