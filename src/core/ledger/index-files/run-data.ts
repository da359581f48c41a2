// The data of a run: keys in order, each with the blocks that have it, where each line begins, and which actions there are.
import type { HashedBlock } from '../block.ts';
import type { RunEntry } from './entry.ts';
import { PAGE_BYTES, PAGE_ROOM, type Pages } from './pages.ts';
import { keysOf } from './terms.ts';

/** A reference with this bit is the one block itself. */
const SINGLE = 0x8000_0000;
const KEY_BYTES = 8;
const OFFSET_BYTES = 4;
// A key and a block's place in its run in one exact number.
const PLACES = 2 ** 20;

/** Where the parts begin, counted without the pages' digests. */
export function layout({
  keys,
  postings,
  count,
  actions,
}: Pick<RunEntry, 'keys' | 'postings' | 'count' | 'actions'>) {
  const postingsAt = keys * KEY_BYTES;
  // At a multiple of 4, so that no offset lies across two pages.
  const offsetsAt = Math.ceil((postingsAt + postings) / OFFSET_BYTES) * OFFSET_BYTES;
  const actionsAt = offsetsAt + count * OFFSET_BYTES;
  return { postingsAt, offsetsAt, actionsAt, bytes: actionsAt + actions };
}

/** Where the pages of a run end. */
export function dataEnd(entry: RunEntry): number {
  return entry.dataAt + Math.ceil(layout(entry).bytes / PAGE_ROOM) * PAGE_BYTES;
}

/** Collects the blocks of a run in order. */
export function runBuilder(first: number, start: number) {
  let pairs = new Float64Array(1 << 12);
  let pairCount = 0;
  const offsets: number[] = [];
  const actions = new Set<string>();
  let [earliest, latest, lowestCause] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  let [end, hash] = [start, ''];

  return {
    count: () => offsets.length,
    /** `offset` is where its line begins, `next` where the line after it does. */
    add(block: HashedBlock, offset: number, next: number): void {
      const keys = keysOf(block);
      if (pairCount + keys.length > pairs.length) {
        const wider = new Float64Array(2 * pairs.length + keys.length);
        wider.set(pairs);
        pairs = wider;
      }
      for (const key of keys) pairs[pairCount++] = key * PLACES + offsets.length;
      offsets.push(offset - start);
      actions.add(block.action);
      const at = Date.parse(block.timestamp);
      earliest = Math.min(earliest, at);
      latest = Math.max(latest, at);
      const { cause } = block;
      if (cause !== null) lowestCause = lowestCause === 0 ? cause : Math.min(lowestCause, cause);
      end = next;
      hash = block.hash;
    },
    finish(dataAt: number): { entry: RunEntry; data: Buffer } {
      const { keys, postings } = group(distinct(pairs.subarray(0, pairCount).sort()));
      const names = Buffer.from([...actions].sort().join('\n'));
      const sizes = { keys: keys.length / KEY_BYTES, postings: postings.length, actions: names.length };
      const entry: RunEntry = {
        ...sizes,
        ...{ first, count: offsets.length, start, end, dataAt, earliest, latest, lowestCause },
        hash: Buffer.from(hash, 'hex'),
      };
      const { postingsAt, offsetsAt, actionsAt, bytes } = layout(entry);
      const data = Buffer.alloc(bytes);
      keys.copy(data, 0);
      postings.copy(data, postingsAt);
      for (const [at, offset] of offsets.entries()) data.writeUInt32LE(offset, offsetsAt + OFFSET_BYTES * at);
      names.copy(data, actionsAt);
      return { entry, data };
    },
  };
}

// Two terms of a block may share a key.
function distinct(sorted: Float64Array): Float64Array {
  let count = 0;
  for (const pair of sorted) if (count === 0 || sorted[count - 1] !== pair) sorted[count++] = pair;
  return sorted.subarray(0, count);
}

// Each key with its only block, or with where its list begins: how many there are, then how far each is from the one before.
function group(pairs: Float64Array): { keys: Buffer; postings: Buffer } {
  const keys: number[] = [];
  const postings: number[] = [];
  for (let from = 0; from < pairs.length; ) {
    const key = Math.floor((pairs[from] ?? 0) / PLACES);
    let to = from + 1;
    while (to < pairs.length && Math.floor((pairs[to] ?? 0) / PLACES) === key) to += 1;
    const place = (at: number) => (pairs[at] ?? 0) % PLACES;
    if (to === from + 1) keys.push(key, SINGLE + place(from));
    else {
      keys.push(key, postings.length);
      varint(postings, to - from);
      for (let at = from, before = 0; at < to; at++) {
        varint(postings, place(at) - before);
        before = place(at);
      }
    }
    from = to;
  }
  const bytes = Buffer.alloc(keys.length * 4);
  for (const [at, value] of keys.entries()) bytes.writeUInt32LE(value, 4 * at);
  return { keys: bytes, postings: Buffer.from(postings) };
}

function varint(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
}

/** Places (0 for the run's first block) that have the key, in rising order. Throws DamagedPage. */
export async function placesOf(key: number, entry: RunEntry, pages: Pages): Promise<number[]> {
  const reference = await findKey(key, entry.keys, pages);
  if (reference === undefined) return [];
  if (reference >= SINGLE) return [reference - SINGLE];
  const { postingsAt } = layout(entry);
  return readList((from, length) => pages.read(postingsAt + from, length), reference, entry.postings);
}

// Keys are digests, so they lie evenly, and where one should be is nearly where it is.
async function findKey(key: number, count: number, pages: Pages): Promise<number | undefined> {
  const perPage = PAGE_ROOM / KEY_BYTES;
  let low = 0;
  let high = Math.ceil(count / perPage) - 1;
  let page = Math.min(high, Math.floor((key / 2 ** 32) * (count / perPage)));
  while (low <= high) {
    const first = page * perPage;
    const bytes = await pages.read(first * KEY_BYTES, Math.min(perPage, count - first) * KEY_BYTES);
    const last = bytes.readUInt32LE(bytes.length - KEY_BYTES);
    if (key < bytes.readUInt32LE(0)) high = page - 1;
    else if (key > last) low = page + 1;
    else return searched(bytes, key);
    page = Math.min(high, Math.max(low, key > last ? page + 1 : page - 1));
  }
  return undefined;
}

function searched(bytes: Buffer, key: number): number | undefined {
  let low = 0;
  let high = bytes.length / KEY_BYTES - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = bytes.readUInt32LE(middle * KEY_BYTES);
    if (found === key) return bytes.readUInt32LE(middle * KEY_BYTES + 4);
    if (found < key) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

type ReadPostings = (from: number, length: number) => Promise<Buffer>;

async function readList(read: ReadPostings, from: number, total: number): Promise<number[]> {
  const places: number[] = [];
  let [left, place, value, scale] = [-1, 0, 0, 1];
  for (let at = from; left !== 0 && at < total; ) {
    const piece = await read(at, Math.min(PAGE_ROOM, total - at));
    for (let i = 0; i < piece.length && left !== 0; i++) {
      const byte = piece[i] ?? 0;
      value += (byte % 0x80) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      if (left < 0) left = value;
      else {
        place += value;
        places.push(place);
        left -= 1;
      }
      [value, scale] = [0, 1];
    }
    at += piece.length;
  }
  return places;
}

/** Where the lines at these places begin and end in the ledger's file; places in rising order. Throws DamagedPage. */
export async function linesAt(
  places: readonly number[],
  entry: RunEntry,
  pages: Pages,
): Promise<[start: number, end: number][]> {
  const [first = 0, last = first] = [places[0], places.at(-1)];
  const count = Math.min(entry.count, last + 2) - first;
  const bytes = await pages.read(layout(entry).offsetsAt + first * OFFSET_BYTES, count * OFFSET_BYTES);
  const offset = (place: number) =>
    place === entry.count ? entry.end : entry.start + bytes.readUInt32LE((place - first) * OFFSET_BYTES);
  return places.map((place) => [offset(place), offset(place + 1)]);
}

/** The actions of a run's blocks, each once. Throws DamagedPage. */
export async function actionsIn(entry: RunEntry, pages: Pages): Promise<string[]> {
  if (entry.actions === 0) return [];
  return (await pages.read(layout(entry).actionsAt, entry.actions)).toString('utf8').split('\n');
}
