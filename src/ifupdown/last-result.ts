// What the last change of the interfaces file came to, in a file for the agent and for `status`.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeMemoryFile } from '../core/lib/atomic-file.ts';
import { asAgentError } from '../core/lib/errors.ts';
import { nodeTreeFs } from '../core/lib/tree-fs.ts';
import type { FileOutcome } from './apply.ts';
import type { Change, Refusal } from './edit.ts';

export const RESULT_NAME = 'proxmox-interfaces.json';

/** As `proxmox interfaces … --json` prints it, too. */
export interface InterfacesResult {
  readonly files: readonly {
    readonly path: string;
    readonly changed: boolean;
    readonly changes: readonly Change[];
  }[];
  readonly refusals: readonly Refusal[];
}

/** One result of the outcomes of both files; what is refused in each is said once. */
export function resultOf(outcomes: readonly FileOutcome[]): InterfacesResult {
  const refusals = new Map(
    outcomes.flatMap((outcome) => outcome.refusals).map((refusal) => [JSON.stringify(refusal), refusal]),
  );
  return {
    files: outcomes.map(({ path, changed, changes }) => ({ path, changed, changes })),
    refusals: [...refusals.values()],
  };
}

/** Runs `work` and leaves its result, or its error, as `proxmox-interfaces.json` in the runtime directory. */
export async function recordResult(
  runtimeDir: string,
  now: Date,
  work: () => Promise<FileOutcome[]>,
): Promise<FileOutcome[]> {
  const at = now.toISOString();
  try {
    const outcomes = await work();
    const result = resultOf(outcomes);
    await leave(runtimeDir, { at, ok: result.refusals.length === 0, ...result });
    return outcomes;
  } catch (thrown) {
    const { code, reason } = asAgentError(thrown, 'interfaces-not-editable', 'The file was not changed');
    await leave(runtimeDir, { at, ok: false, error: { code, reason } });
    throw thrown;
  }
}

/** How a run ended, as far as another try depends on it. */
export interface LastRun {
  /** When it began, milliseconds of the epoch: the bridges were looked at after that. */
  readonly at: number;
  /** Code of the error that it ended with. Undefined also where something was refused: that is an answer. */
  readonly error?: string;
}

const MAX_BYTES = 1024 * 1024;
const lastSchema = z.object({
  at: z.iso.datetime(),
  error: z.object({ code: z.string() }).optional(),
});

/** Undefined: there was no run, or its file cannot be read, which comes to the same. */
export async function readLastRun(runtimeDir: string): Promise<LastRun | undefined> {
  try {
    const text = await nodeTreeFs.read(join(runtimeDir, RESULT_NAME), MAX_BYTES);
    const { at, error } = lastSchema.parse(JSON.parse(text));
    return { at: Date.parse(at), ...(error && { error: error.code }) };
  } catch {
    return undefined;
  }
}

/** Without an agent there may be no such directory; the result of the work matters more than its record. */
async function leave(runtimeDir: string, record: unknown): Promise<void> {
  try {
    await mkdir(runtimeDir, { recursive: true, mode: 0o750 });
    writeMemoryFile(join(runtimeDir, RESULT_NAME), `${JSON.stringify(record)}\n`);
  } catch {
    // As said.
  }
}
