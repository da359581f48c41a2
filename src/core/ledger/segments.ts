// The files of a ledger in order: sealed segments, named by the height of their first block, then the file that is appended to.
import { join, relative } from 'node:path';
import { AgentError, isErrno } from '../lib/errors.ts';
import { type ByteSource, fileSource } from './byte-source.ts';
import { type FileCalls, pooled } from './file-calls.ts';
import { heightOfFirst } from './locate.ts';
import { packedSource } from './packed-source.ts';
import { type LedgerPaths, ledgerPaths } from './paths.ts';

export type Sealed = {
  /** Height of its first block, as its name says. */
  first: number;
  path: string;
  /** The path from the ledger's directory on. */
  file: string;
  packed: boolean;
};

/** One file of a ledger, open. Without `sealed` it is the one that is appended to. */
export type Segment = { sealed?: Sealed; source: ByteSource };

/** Nobody writes to a sealed segment. */
export const SEALED_MODE = 0o444;
/** Ends the name of a packed segment while it is written. */
export const PART = '.part';

const NAME = /^(\d{20})\.jsonl(\.gz)?$/;

/** A packed file comes and its plain one goes while somebody reads; that does not happen often in one reading. */
const TRIES = 20;

export const isSegmentName = (name: string): boolean => NAME.test(name);

export function segmentName(first: number): string {
  return `${String(first).padStart(20, '0')}.jsonl`;
}

/** In order of height. Where both a plain and a packed file are there, the plain one counts. Throws `bad-argument`. */
export async function sealedSegments(paths: LedgerPaths, calls: FileCalls = pooled): Promise<Sealed[]> {
  const names = await calls.readdir(paths.segments).catch((cause: unknown) => {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return [];
    throw new AgentError('bad-argument', `The segments ${paths.segments} cannot be read.`, { cause });
  });
  const found = new Map<number, Sealed>();
  // A plain name sorts before its packed one.
  for (const name of names.sort()) {
    const [, digits, packed] = NAME.exec(name) ?? [];
    const first = Number(digits);
    if (digits === undefined || found.has(first)) continue;
    const path = join(paths.segments, name);
    found.set(first, { first, path, file: relative(paths.dir, path), packed: packed !== undefined });
  }
  return [...found.values()].sort((a, b) => a.first - b.first);
}

/**
 * All segments from the one on that holds the height `from`, or is nearest to it. Each is open until the next is asked for. A
 * rotation, or packing, in another process meanwhile neither hides blocks nor shows them twice.
 */
export async function* segmentsFrom(path: string, from = 1, calls = pooled): AsyncGenerator<Segment> {
  let id = '';
  const after = ({ first }: Sealed) => segmentAfter(path, first, calls);
  for (let next = await segmentOf(path, from, calls); next; next = await after(next.sealed)) {
    // Between link() and rename() a segment that is being sealed has the name of the active file too.
    if (next.source.id !== id) yield* used(next);
    else await next.source.close();
    if (next.sealed === undefined) return;
    id = next.source.id;
  }
}

/** The segment that holds a height, or is nearest to it; open, for its reader to close. Undefined where there is none. */
export async function segmentOf(path: string, height: number, calls = pooled): Promise<Segment | undefined> {
  const active = height > 1 ? await openActive(path, calls) : undefined;
  const first = active && (await heightOfFirst(active).finally(active.close));
  // What is in the active file may be sealed by now; what is before it need not be opened.
  if (first !== undefined && first <= height) return segmentAfter(path, first - 1, calls);
  const sealed = await sealedSegments(ledgerPaths(path), calls);
  const nearest = sealed.findLast((one) => one.first <= height) ?? sealed[0];
  return segmentAfter(path, (nearest?.first ?? 0) - 1, calls);
}

/**
 * The segment after one that is read to its end, open, for its reader to close: the next sealed one, or the active file.
 * `first`: the height by which that
 * one is named. Undefined when it is the last of all and there is no active file.
 */
export async function segmentAfter(
  path: string,
  first: number,
  calls = pooled,
): Promise<Segment | undefined> {
  const following = async () =>
    (await sealedSegments(ledgerPaths(path), calls)).find((one) => one.first > first);
  for (let tries = 0; tries < TRIES; tries++) {
    const next = await following();
    const source = await (next ? openSealed(next, calls) : openActive(path, calls));
    if (next && source) return { sealed: next, source };
    if (next) continue;
    if ((await following()) === undefined) return source && { source };
    await source?.close();
  }
  throw changing(path);
}

/** All segments from the active file back to the oldest, under the same promise. */
export async function* segmentsBack(path: string, calls = pooled): AsyncGenerator<Segment> {
  const paths = ledgerPaths(path);
  // It stays open, so that no other file gets its number meanwhile.
  const active = await openActive(path, calls);
  try {
    if (active) yield { source: active };
    let before = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < TRIES; tries++) {
      const next = (await sealedSegments(paths, calls)).findLast(({ first }) => first < before);
      if (next === undefined) return;
      const source = await openSealed(next, calls);
      if (source === undefined) continue;
      if (source.id !== active?.id) yield* used({ sealed: next, source });
      else await source.close();
      before = next.first;
      tries = 0;
    }
    throw changing(path);
  } finally {
    await active?.close();
  }
}

/** The height of the oldest block that has a body; undefined where there is none. */
export async function oldestHeight(path: string): Promise<number | undefined> {
  const [oldest] = await sealedSegments(ledgerPaths(path));
  if (oldest) return oldest.first;
  const active = await openActive(path);
  return active && heightOfFirst(active).finally(active.close);
}

/** The newest sealed segment, for its reader to close; undefined where there is none. The writer's lock must be held. */
export async function lastSealed(paths: LedgerPaths): Promise<ByteSource | undefined> {
  const last = (await sealedSegments(paths)).at(-1);
  return last && openSealed(last);
}

function changing(path: string): AgentError {
  return new AgentError('bad-argument', `The segments of ${path} change too fast to be read.`);
}

async function* used(segment: Segment): AsyncGenerator<Segment> {
  try {
    yield segment;
  } finally {
    await segment.source.close();
  }
}

/** Undefined when there is no such file. Throws `bad-argument`. */
export async function openActive(path: string, calls = pooled): Promise<ByteSource | undefined> {
  const file = await openFile(path, calls);
  return file && fileSource(file);
}

/** Undefined when there is no such file. Throws `bad-argument`. */
export async function openSealed({ path, packed }: Sealed, calls = pooled): Promise<ByteSource | undefined> {
  const file = await openFile(path, calls);
  return file && (packed ? packedSource(file) : fileSource(file));
}

async function openFile(path: string, calls: FileCalls) {
  try {
    return await calls.open(path);
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw new AgentError('bad-argument', `The ledger ${path} cannot be read.`, { cause });
  }
}
