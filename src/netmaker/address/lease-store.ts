// leases.json: the leased addresses on disk.
import { readFile, rename } from 'node:fs/promises';
import { writeFileAtomically } from '../../core/lib/atomic-file.ts';
import { isErrno } from '../../core/lib/errors.ts';
import { familyOf } from './address-space.ts';
import { EMPTY_LEASE_STATE, type LeaseState, leaseStateSchema } from './lease-state.ts';

export interface LoadedLeases {
  readonly state: LeaseState;
  /** What was wrong with the file and where it was put; the state is then empty. */
  readonly problem?: string;
}

/**
 * Reads the file; a missing one is an empty state. A damaged one is renamed to `PATH.damaged-<ms>` and never blocks:
 * addresses of containers that run are known again from their ports. Does not throw.
 */
export async function loadLeases(path: string, now: number): Promise<LoadedLeases> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { state: EMPTY_LEASE_STATE };
    return setAside(path, now, `cannot be read (${message(error)})`);
  }
  const parsed = parseLeases(text);
  return typeof parsed === 'string' ? setAside(path, now, parsed) : { state: parsed };
}

/** Throws the system's error when the disk refuses. */
export async function saveLeases(path: string, state: LeaseState): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(state, undefined, 1)}\n`);
}

function parseLeases(text: string): LeaseState | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'is not complete JSON';
  }
  const parsed = leaseStateSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `is not understood (${issue?.path.join(' ') || 'file'}: ${issue?.message ?? ''})`;
  }
  const holders = Object.entries(parsed.data.leases)
    .filter(([, { releasedAt }]) => releasedAt === null)
    .map(([address, { key }]) => `${familyOf(address)} ${key}`);
  if (new Set(holders).size !== holders.length) return 'gives one container two addresses of a family';
  return parsed.data;
}

async function setAside(path: string, now: number, what: string): Promise<LoadedLeases> {
  const aside = `${path}.damaged-${now}`;
  try {
    await rename(path, aside);
    return { state: EMPTY_LEASE_STATE, problem: `${path} ${what}; it was set aside as ${aside}` };
  } catch (error) {
    return {
      state: EMPTY_LEASE_STATE,
      problem: `${path} ${what} and cannot be set aside (${message(error)})`,
    };
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
