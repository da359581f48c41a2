// Bytes of an index in pages that each carry a digest of their own, so that what is read is what was written, however little is read.
import { createHash } from 'node:crypto';
import { type Readable, readFully } from '../byte-source.ts';

export const PAGE_BYTES = 4096;
const DIGEST_BYTES = 8;
/** What fits a page: whole entries of 8 and of 4 bytes. */
export const PAGE_ROOM = PAGE_BYTES - DIGEST_BYTES;

// With the salt and its place in it, so that a page of another run, or of another ledger, is none of these.
function digest(salt: Buffer, page: number, room: Buffer): Buffer {
  const seal = Buffer.allocUnsafe(salt.length + 4);
  seal.set(salt);
  seal.writeUInt32LE(page, salt.length);
  return createHash('sha256').update(seal).update(room).digest().subarray(0, DIGEST_BYTES);
}

/** The bytes as whole pages; the last one ends in zeros. */
export function toPages(bytes: Buffer, salt: Buffer): Buffer {
  const count = Math.ceil(bytes.length / PAGE_ROOM);
  const pages = Buffer.alloc(count * PAGE_BYTES);
  for (let page = 0; page < count; page++) {
    bytes.copy(pages, page * PAGE_BYTES, page * PAGE_ROOM, (page + 1) * PAGE_ROOM);
    const room = pages.subarray(page * PAGE_BYTES, page * PAGE_BYTES + PAGE_ROOM);
    digest(salt, page, room).copy(pages, page * PAGE_BYTES + PAGE_ROOM);
  }
  return pages;
}

/** A page that is not as it was written. */
export class DamagedPage extends Error {}

export interface Pages {
  /** `length` bytes from `at` on, counted without the digests. Throws DamagedPage. */
  read(at: number, length: number): Promise<Buffer>;
}

/** Those that begin at `offset` of the source. What was read is kept. */
export function pagesAt(source: Readable, offset: number, salt: Buffer): Pages {
  const kept = new Map<number, Buffer>();

  async function load(first: number, last: number): Promise<void> {
    const bytes = await readFully(source, offset + first * PAGE_BYTES, (last - first + 1) * PAGE_BYTES);
    for (let page = first; page <= last; page++) {
      const from = (page - first) * PAGE_BYTES;
      const room = bytes.subarray(from, from + PAGE_ROOM);
      const held = bytes.subarray(from + PAGE_ROOM, from + PAGE_BYTES);
      if (!digest(salt, page, room).equals(held)) throw new DamagedPage(`page ${page} at byte ${offset}`);
      kept.set(page, room);
    }
  }

  return {
    async read(at, length) {
      if (length === 0) return Buffer.alloc(0);
      const first = Math.floor(at / PAGE_ROOM);
      const last = Math.floor((at + length - 1) / PAGE_ROOM);
      for (let page = first; page <= last; page++) {
        if (kept.has(page)) continue;
        let end = page;
        while (end < last && !kept.has(end + 1)) end += 1;
        await load(page, end);
        page = end;
      }
      const skipped = at - first * PAGE_ROOM;
      const only = kept.get(first);
      if (first === last && only) return only.subarray(skipped, skipped + length);
      const rooms: Buffer[] = [];
      for (let page = first; page <= last; page++) rooms.push(kept.get(page) ?? Buffer.alloc(0));
      return Buffer.concat(rooms).subarray(skipped, skipped + length);
    },
  };
}
