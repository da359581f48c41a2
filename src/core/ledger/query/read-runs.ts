// Reads from the runs of an index the blocks that may fit. Each is compared with its line; a run that does not hold is read line by line.
import type { HashedBlock } from '../block.ts';
import { readFully } from '../byte-source.ts';
import type { RunEntry } from '../index-files/entry.ts';
import { linesAt } from '../index-files/run-data.ts';
import type { OpenIndex } from '../index-files/table.ts';
import { placesIn } from './places.ts';
import type { Query } from './query-type.ts';
import { readQuickly, type Scan, scanBlocks } from './scan.ts';

export type RunReading = Omit<Scan, 'from' | 'to'> &
  Omit<Query, 'wants'> & { index: OpenIndex; onDamaged?: (() => void) | undefined };

/** Runs whose data is read at the same time. */
const AT_ONCE = 32;
/** Lines that are this near to each other are read together, up to so many bytes. */
const NEAR_BYTES = 8192;
const WINDOW_BYTES = 1 << 18;
/** Reads of the ledger under way at the same time; each has a window at most. */
const READS_AT_ONCE = 32;
const NEWLINE = 0x0a;

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
  { source, index, isPlain, from = 1, to = Number.POSITIVE_INFINITY }: RunReading,
): AsyncGenerator<HashedBlock> {
  const wanted = places.filter((place) => run.first + place >= from && run.first + place <= to);
  if (wanted.length === 0) return;
  const bounds = await linesAt(wanted, run, index.pagesOf(run)).catch(() => {
    throw new NotThere();
  });
  const lines = wanted.map((place, at): Line => [run.first + place, ...(bounds[at] ?? [0, 0])]);
  const windows = windowsOf(lines, run);
  for (let at = 0; at < windows.length; at += READS_AT_ONCE) {
    const some = windows.slice(at, at + READS_AT_ONCE);
    const read = await Promise.all(some.map(({ begin, end }) => readFully(source, begin, end - begin)));
    for (const [which, { begin, lines: inside }] of some.entries()) {
      const bytes = read[which] ?? Buffer.alloc(0);
      for (const [height, start, stop] of inside) {
        const [first, last] = [start - begin, stop - begin - 1];
        const block = bytes[last] === NEWLINE ? readQuickly(bytes, first, last, isPlain) : undefined;
        if (block?.height !== height) throw new NotThere();
        yield block;
      }
    }
  }
}

/** Lines that are near to each other, in one read. Throws NotThere for lines that are not in the run. */
function windowsOf(lines: readonly Line[], run: RunEntry): Window[] {
  const windows: Window[] = [];
  for (const line of lines) {
    const [, start, end] = line;
    const open = windows.at(-1);
    if (end <= start || start < Math.max(run.start, open?.end ?? 0) || end > run.end) throw new NotThere();
    if (open && start - open.end <= NEAR_BYTES && end - open.begin <= WINDOW_BYTES) {
      open.lines.push(line);
      open.end = end;
    } else windows.push({ begin: start, end, lines: [line] });
  }
  return windows;
}

type Line = [height: number, start: number, end: number];
type Window = { begin: number; end: number; lines: Line[] };
