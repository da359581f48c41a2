// A JSON file that holds a state: read once and checked, set aside where it is damaged, replaced whole.
import { readFile, rename } from 'node:fs/promises';
import type { z } from 'zod';
import { writeFileAtomically } from './atomic-file.ts';
import { isErrno } from './errors.ts';

export interface StateKind<T> {
  schema: z.ZodType<T>;
  empty: T;
  /** What no schema can say of a state, as the end of a sentence about the file; undefined when it is sound. */
  contradiction: (state: T) => string | undefined;
}

export interface Loaded<T> {
  readonly state: T;
  /** What was wrong with the file and where it was put; the state is then empty. */
  readonly problem?: string;
}

/**
 * A missing file is an empty state. A damaged one is renamed to `PATH.damaged-<ms>` and never blocks. Does not throw.
 *
 * @param now milliseconds of the epoch, for that name
 */
export async function loadState<T>(kind: StateKind<T>, path: string, now: number): Promise<Loaded<T>> {
  const setAside = async (what: string): Promise<Loaded<T>> => {
    const aside = `${path}.damaged-${now}`;
    const outcome = await rename(path, aside).then(
      () => `; it was set aside as ${aside}`,
      (error: unknown) => ` and cannot be set aside (${message(error)})`,
    );
    return { state: kind.empty, problem: `${path} ${what}${outcome}` };
  };
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { state: kind.empty };
    return setAside(`cannot be read (${message(error)})`);
  }
  const parsed = parse(kind, text);
  return 'problem' in parsed ? setAside(parsed.problem) : parsed;
}

/** Throws the system's error when the disk refuses; the file is then the old one. */
export async function saveState(path: string, state: object): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(state, undefined, 1)}\n`);
}

function parse<T>(kind: StateKind<T>, text: string): { state: T } | { problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'is not complete JSON' };
  }
  const { success, data, error } = kind.schema.safeParse(json);
  if (!success) {
    const issue = error.issues[0];
    return { problem: `is not understood (${issue?.path.join(' ') || 'file'}: ${issue?.message ?? ''})` };
  }
  const contradiction = kind.contradiction(data);
  return contradiction === undefined ? { state: data } : { problem: contradiction };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
