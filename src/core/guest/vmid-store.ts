// vmids.json: the allocated VMIDs on disk.
import { readFile, rename } from 'node:fs/promises';
import { writeFileAtomically } from '../lib/atomic-file.ts';
import { isErrno } from '../lib/errors.ts';
import { EMPTY_VMID_STATE, type VmidState, vmidStateSchema } from './vmid-allocation.ts';

export interface LoadedVmids {
  readonly state: VmidState;
  /** What was wrong with the file and where it was put; the state is then empty. */
  readonly problem?: string;
}

/**
 * Reads the file; a missing one is an empty state. A damaged one is renamed to `PATH.damaged-<ms>` and never
 * blocks: numbers of live guests are known again from their ports, only sticky numbers of stopped ones are lost.
 * Does not throw.
 */
export async function loadVmids(path: string, now: number): Promise<LoadedVmids> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { state: EMPTY_VMID_STATE };
    return setAside(path, now, `cannot be read (${message(error)})`);
  }
  const parsed = parseVmids(text);
  return typeof parsed === 'string' ? setAside(path, now, parsed) : { state: parsed };
}

/** Throws the system's error when the disk refuses; the file is then the old one. */
export async function saveVmids(path: string, state: VmidState): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(state, undefined, 1)}\n`);
}

function parseVmids(text: string): VmidState | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'is not complete JSON';
  }
  const parsed = vmidStateSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `is not understood (${issue?.path.join('.') || 'file'}: ${issue?.message ?? ''})`;
  }
  const live = Object.values(parsed.data.allocations).filter((held) => held.releasedAt === null);
  if (new Set(live.map((held) => held.vmid)).size !== live.length) return 'gives one VMID to two guests';
  return parsed.data;
}

async function setAside(path: string, now: number, what: string): Promise<LoadedVmids> {
  const aside = `${path}.damaged-${now}`;
  try {
    await rename(path, aside);
    return { state: EMPTY_VMID_STATE, problem: `${path} ${what}; it was set aside as ${aside}` };
  } catch (error) {
    return {
      state: EMPTY_VMID_STATE,
      problem: `${path} ${what} and cannot be set aside (${message(error)})`,
    };
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
