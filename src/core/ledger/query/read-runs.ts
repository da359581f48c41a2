// Reads from the runs of an index the blocks that may fit. Each is compared with its line; a run that does not hold is read line by line.
import type { HashedBlock } from '../block.ts';
import { readFully } from '../byte-source.ts';
import type { RunEntry } from '../index-files/entry.ts';
import { lineAt } from '../index-files/run-data.ts';
import type { OpenIndex } from '../index-files/table.ts';
import { readLine } from '../line.ts';
import { placesIn } from './places.ts';
import type { Query } from './query-type.ts';
import { type Scan, scanBlocks } from './scan.ts';

export type RunReading = Omit<Scan, 'from' | 'to'> &
  Omit<Query, 'wants'> & { index: OpenIndex; onDamaged?: (() => void) | undefined };

/** Runs whose data is read at the same time. */
const AT_ONCE = 32;
/** Lines that are this near to each other are read together, up to so many bytes. */
const NEAR_BYTES = 8192;
const WINDOW_BYTES = 1 << 18;

/** What is known of a run: its places, or that only its lines tell. */
type Found = { run: RunEntry; places: number[] | undefined };

export async function* readRuns(reading: RunReading): AsyncGenerator<HashedBlock> {
  const runs = reading.index.runs.filter((run) => mayFit(run, reading));
  for (let at = 0; at < runs.length; at += AT_ONCE) {
    const found = await Promise.all(runs.slice(at, at + AT_ONCE).map((run) => find(run, reading)));
    for (const one of found) yield* fromRun(one, reading);
  }
}

function mayFit(run: RunEntry, { from = 1, to, since, until, wants }: RunReading): boolean {
  if (run.first + run.count <= from || (to !== undefined && run.first > to)) return false;
  if (wants.some(({ highestCause: highest }) => highest !== undefined && !hasCauseUpTo(run, highest)))
    return false;
  return !(since !== undefined && run.latest < since) && !(until !== undefined && run.earliest > until);
}

const hasCauseUpTo = ({ lowestCause }: RunEntry, highest: number) =>
  lowestCause > 0 && lowestCause <= highest;

async function find(run: RunEntry, { index, wants, onDamaged }: RunReading): Promise<Found> {
  try {
    return { run, places: await placesIn(wants, run, index.pagesOf(run)) };
  } catch {
    onDamaged?.();
    return { run, places: undefined };
  }
}

async function* fromRun({ run, places }: Found, reading: RunReading): AsyncGenerator<HashedBlock> {
  if (places === undefined) return yield* scanBlocks({ ...reading, from: run.start, to: run.end });
  if (places.length === 0) return;
  let done = 0;
  try {
    for await (const block of readPlaces(run, places, reading)) {
      yield block;
      done = block.height;
    }
  } catch (error) {
    if (!(error instanceof NotThere)) throw error;
    reading.onDamaged?.();
    for await (const block of scanBlocks({ ...reading, from: run.start, to: run.end }))
      if (block.height > done) yield block;
  }
}

/** The index says a block is where it is not. */
class NotThere extends Error {}

async function* readPlaces(
  run: RunEntry,
  places: readonly number[],
  { source, index, from = 1, to = Number.POSITIVE_INFINITY }: RunReading,
): AsyncGenerator<HashedBlock> {
  const pages = index.pagesOf(run);
  const wanted = places.filter((place) => run.first + place >= from && run.first + place <= to);
  const lines: [height: number, start: number, end: number][] = [];
  for (const place of wanted) {
    const [start, end] = await lineAt(place, run, pages).catch(() => {
      throw new NotThere();
    });
    lines.push([run.first + place, start, end]);
  }
  for (let first = 0; first < lines.length; ) {
    const begin = lines[first]?.[1] ?? 0;
    let last = first;
    while (last + 1 < lines.length && isNear(lines[last], lines[last + 1], begin)) last += 1;
    const end = lines[last]?.[2] ?? 0;
    if (!(end > begin && begin >= run.start && end <= run.end)) throw new NotThere();
    const bytes = await readFully(source, begin, end - begin);
    for (const [height, start, stop] of lines.slice(first, last + 1)) {
      const block = readLine(bytes.subarray(start - begin, stop - begin - 1));
      if (block?.height !== height || bytes[stop - begin - 1] !== 0x0a) throw new NotThere();
      yield block;
    }
    first = last + 1;
  }
}

type Line = [height: number, start: number, end: number];

function isNear(one: Line | undefined, next: Line | undefined, begin: number): boolean {
  if (one === undefined || next === undefined) return false;
  return next[1] - one[2] <= NEAR_BYTES && next[1] >= one[2] && next[2] - begin <= WINDOW_BYTES;
}
