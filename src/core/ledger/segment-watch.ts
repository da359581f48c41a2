// Notices what happens to sealed segments that nobody of us did: removed, replaced, cut, written to.
import { type BigIntStats, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isErrno } from '../lib/errors.ts';
import type { Watch, Watching } from '../lib/watch.ts';
import { type LedgerPaths, makeDir } from './paths.ts';
import { isSegmentName } from './segments.ts';

/** A sealed segment, by its path from the ledger's directory on, and what is not as it was sealed. */
export type SegmentChange = { file: string; what: string };

export type SegmentWatch = {
  /** This one (its path from the ledger's directory on) will be gone by our own doing. */
  vanishing(file: string): void;
  /** Looks now. */
  check(): void;
  close(): void;
};

export type SegmentWatchParts = {
  paths: LedgerPaths;
  watching: Pick<Watching, 'directory'>;
  /** Told once of each change: which file, by its path from the ledger's directory on, and what became of it. */
  onChanged: (file: string, what: string) => void;
};

type Known = Pick<BigIntStats, 'ino' | 'dev' | 'size' | 'mtimeNs'>;

export async function watchSegments({
  paths,
  watching,
  onChanged,
}: SegmentWatchParts): Promise<SegmentWatch> {
  await makeDir(paths.segments);
  const known = new Map<string, Known>();
  const ours = new Set<string>();
  let isClosed = false;
  let watch: Watch = { close: () => undefined };

  function check(): void {
    const found = look(paths);
    if (found === undefined) return;
    for (const [file, before] of known) {
      const now = found.get(file);
      const what = now ? difference(before, now) : isOurs(file, before) ? undefined : 'it was removed';
      if (now === undefined) known.delete(file);
      if (what !== undefined) onChanged(file, what);
    }
    for (const [file, now] of found) known.set(file, now);
    for (const file of ours) if (!found.has(file)) ours.delete(file);
  }

  // A sealing that failed in the middle takes the second name of the active file back.
  function isOurs(file: string, { ino, dev }: Known): boolean {
    const active = statSync(paths.file, { bigint: true, throwIfNoEntry: false });
    return ours.has(file) || (active?.ino === ino && active.dev === dev);
  }

  function begin(): void {
    watch = watching.directory(paths.segments, (name) => {
      if (isClosed) return;
      check();
      // The folder itself has gone: another one is made when the next segment is sealed.
      if (name === null || name === 'segments') watch.close();
    });
  }

  begin();
  check();
  return {
    vanishing: (file) => void ours.add(file),
    check() {
      check();
      watch.close();
      try {
        begin();
      } catch {
        // There is no folder; the next sealing makes one.
      }
    },
    close() {
      isClosed = true;
      watch.close();
    },
  };
}

// Undefined when that cannot be seen now; a folder that is not there has no segments.
function look(paths: LedgerPaths): Map<string, Known> | undefined {
  try {
    const found = new Map<string, Known>();
    for (const name of readdirSync(paths.segments).filter(isSegmentName)) {
      const path = join(paths.segments, name);
      const state = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (state) found.set(relative(paths.dir, path), state);
    }
    return found;
  } catch (error) {
    return isErrno(error, 'ENOENT', 'ENOTDIR') ? new Map() : undefined;
  }
}

function difference(before: Known, now: Known): string | undefined {
  if (before.ino !== now.ino || before.dev !== now.dev) return 'another file has its name';
  if (before.size > now.size) return `it was cut from ${before.size} to ${now.size} bytes`;
  if (before.size < now.size) return `somebody wrote ${now.size - before.size} bytes to it`;
  return before.mtimeNs === now.mtimeNs ? undefined : 'somebody wrote to it';
}
