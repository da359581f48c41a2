// What could not be written: from when to when, and how much, so that it can be told once the disk takes it, by the next agent too.
import { readFileSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { writeMemoryFile } from '../lib/atomic-file.ts';
import { type Clocks, momentNow, momentOf } from '../lib/moment.ts';
import type { LEDGER_FILE } from './file-actions.ts';
import type { EntryOf } from './producer.ts';

/** Appends that failed and that no block tells of yet. */
export type OpenGap = {
  /** Of the first, in milliseconds of the epoch. */
  since: number;
  count: number;
  error: string;
};

export type Gap = {
  /** So many appends failed now. @param isNoted whether the next process is to know of it */
  failed(count: number, error: unknown, isNoted: boolean): void;
  open(): OpenGap | undefined;
  /** The block about it; undefined when there is nothing to tell. */
  entry(): EntryOf<typeof LEDGER_FILE, 'ledger_gap'> | undefined;
  /** It has been told. */
  closed(): void;
};

/** Where a gap outlives the process; in memory (/run), since the ledger's disk takes nothing then. */
export type GapNote = {
  file: string;
  /** Of the ledger. */
  path: string;
};

const noteSchema = z.object({
  path: z.string(),
  since: z.number().int().min(0).max(8.64e15),
  count: z.number().int().min(0),
  error: z.string(),
});

export function newGap(clock: Clocks, note?: GapNote): Gap {
  const noted = note && readNote(note);
  let open = noted && { ...noted, since: momentOf(clock, new Date(noted.since).toISOString()) };
  const told = () => open && { ...open, since: Date.parse(open.since.at()) };
  return {
    failed(count, error, isNoted) {
      const before = open ?? { since: momentNow(clock), count: 0, error: reasonOf(error) };
      open = { ...before, count: before.count + count };
      const now = told();
      if (note && now && isNoted) writeNote(note, now);
    },
    open: told,
    entry() {
      if (open === undefined) return undefined;
      const { since, count: failed, error } = open;
      const until = new Date(clock.now()).toISOString();
      return { action: 'ledger_gap', data: { since: since.at(), until, failed, error } };
    },
    closed() {
      open = undefined;
      if (note) removeNote(note);
    },
  };
}

// Without a note that can be read or written a gap is forgotten with this process, as it would be without a place for one.

function readNote({ file, path }: GapNote): OpenGap | undefined {
  try {
    const { path: whose, ...open } = noteSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return whose === path ? open : undefined;
  } catch {
    return undefined;
  }
}

function writeNote({ file, path }: GapNote, open: OpenGap): void {
  try {
    writeMemoryFile(file, `${JSON.stringify({ path, ...open })}\n`);
  } catch {
    // See above.
  }
}

function removeNote({ file }: GapNote): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It is told once more at the next start.
  }
}

// What the system said, where it said something: that of ours only tells that the ledger could not be written.
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}
