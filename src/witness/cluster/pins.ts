// The keys of other nodes as they were first seen: a change is told, and believed only when somebody says so.

import { join } from 'node:path';
import { z } from 'zod';
import { loadState, type StateKind, saveState } from '../../core/lib/state-file.ts';

const pinSchema = z.object({
  /** Public key of the node's ledger, null while none was seen. */
  log: z.string().nullable(),
  /** Public key that it cosigns with. */
  cosigner: z.string().nullable(),
  /** RFC 3339. */
  since: z.string(),
});

export type Pin = z.infer<typeof pinSchema>;
export type Pins = Record<string, Pin>;

const KIND: StateKind<Pins> = {
  schema: z.record(z.string(), pinSchema),
  empty: {},
  contradiction: () => undefined,
};

/** Keys whose file was damaged are pinned anew, and `problem` says so. Does not throw. */
export async function readPins(
  path: string,
  now: number,
): Promise<{ pins: Pins; problem: string | undefined }> {
  const { state, problem } = await loadState(KIND, path, now);
  return { pins: { ...state }, problem };
}

/** Forgets a node's keys: the next that it shows are pinned. Returns whether any were known. */
export async function trustNode(directory: string, node: string): Promise<boolean> {
  const { pins } = await readPins(pinsFile(directory), Date.now());
  if (pins[node] === undefined) return false;
  const { [node]: _, ...rest } = pins;
  await writePins(pinsFile(directory), rest);
  return true;
}

export const pinsFile = (directory: string): string => join(directory, 'keys.json');

export const writePins = (path: string, pins: Pins): Promise<void> => saveState(path, pins);
