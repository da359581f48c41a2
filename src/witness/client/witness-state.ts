// What is known of each witness that this ledger is shown to: how much of it it has cosigned, when, and what it refused.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isErrno } from '../../core/lib/errors.ts';
import { loadState, saveState } from '../../core/lib/state-file.ts';

const problemSchema = z.object({
  /** `ahead` and `forked`: the witness has seen another history; `refused`: it does not take this log; `silent`: no answer. */
  kind: z.enum(['ahead', 'forked', 'refused', 'silent']),
  text: z.string(),
  /** RFC 3339. */
  since: z.string(),
});

const stateSchema = z.object({
  /** The witness's public key. */
  key: z.string(),
  name: z.string(),
  /** Where it is asked; null: through the cluster's file system. */
  url: z.string().nullable(),
  /** The log that `size` is about. */
  origin: z.string().nullable(),
  /** What it has cosigned last. */
  size: z.int().min(0).nullable(),
  /** When that was, by this host's clock, RFC 3339. */
  cosigned_at: z.string().nullable(),
  /** When it was asked for the first time, RFC 3339. */
  first_asked_at: z.string().nullable(),
  problem: problemSchema.nullable(),
});

export type WitnessState = z.infer<typeof stateSchema>;
export type WitnessProblem = z.infer<typeof problemSchema>;

export const newWitnessState = (key: string, name: string, url: string | null): WitnessState => ({
  key,
  name,
  url,
  origin: null,
  size: null,
  cosigned_at: null,
  first_asked_at: null,
  problem: null,
});

const KIND = { schema: stateSchema.nullable(), empty: null, contradiction: () => undefined };

/** A name of its own for each key. */
export const witnessFile = (directory: string, key: string): string =>
  join(directory, `asked-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.json`);

/** The state may be lost: the witness itself knows what it has seen. Does not throw. */
export async function loadWitness(
  directory: string,
  asked: Pick<WitnessState, 'key' | 'name' | 'url'>,
  now: number,
): Promise<{ state: WitnessState; problem: string | undefined }> {
  const { state, problem } = await loadState<WitnessState | null>(
    KIND,
    witnessFile(directory, asked.key),
    now,
  );
  const { key, name, url } = asked;
  return {
    state: state?.key === key ? { ...state, name, url } : newWitnessState(key, name, url),
    problem,
  };
}

export const saveWitness = (directory: string, state: WitnessState): Promise<void> =>
  saveState(witnessFile(directory, state.key), state);

/** For who only looks: what the files say. Empty where nobody was asked yet. Throws the system's error. */
export async function readWitnesses(directory: string): Promise<WitnessState[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const files = names.filter((name) => /^asked-[0-9a-f]{16}\.json$/.test(name)).sort();
  const found = await Promise.all(files.map((name) => readState(join(directory, name))));
  return found.flatMap((state) => state ?? []);
}

async function readState(path: string): Promise<WitnessState | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
