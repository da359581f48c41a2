// Where a ledger keeps what belongs to it, and the directories for that.
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeDirs } from '../lib/make-dirs.ts';

export type LedgerPaths = {
  file: string;
  dir: string;
  /** `ledger.d` beside `ledger.jsonl`. */
  side: string;
  torn: string;
  broken: string;
  /** Sealed segments. */
  segments: string;
  /** The file that takes the ledger's name when this one is sealed. */
  next: string;
};

export function ledgerPaths(file: string): LedgerPaths {
  const dir = dirname(file);
  const side = join(dir, `${basename(file).replace(/\.jsonl$/, '')}.d`);
  const within = (name: string) => join(side, name);
  return {
    file,
    dir,
    side,
    torn: within('torn'),
    broken: within('broken'),
    segments: within('segments'),
    next: within('next.jsonl'),
  };
}

/** Makes a directory and its missing parents durable. One that exists keeps its mode: it is the administrator's. */
export async function makeDir(path: string, mode = 0o700): Promise<void> {
  const first = await makeDirs(path, mode);
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncDir(dirname(made));
    if (made === first) return;
  }
}

/** A new name in a directory survives a power cut only after this. */
export async function syncDir(path: string): Promise<void> {
  await withFile(path, 'r', (dir) => dir.sync());
}

export async function withFile<T>(
  path: string,
  flags: string,
  use: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(path, flags, 0o600);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** A file-name form of an instant: `20261123T083032123Z`. */
export function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:.]/g, '');
}
