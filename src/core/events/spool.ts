// Events that a hook could not hand to the agent: one file each, written by hooks, absorbed by the agent.
//
// Hook bundles import this file: no heavy imports here.

import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { kernelUuid } from '../lib/uuid.ts';

export const SPOOL_PATH = '/var/lib/ovs-port-agent/spool';
/** File names sort by time, so that events are absorbed in the order in which they happened. */
export const SPOOL_NAME = /^\d{13}-\d+-[0-9a-f]{8}\.json$/;

/** While its hook writes it. */
export const SPOOL_PARTIAL = /^\.\d{13}-\d+-[0-9a-f]{8}\.json$/;
/** Events that wait at most: a guest that restarts for days while no agent runs must not fill the disk. */
export const SPOOL_MAX = 10_000;
/** One byte for each event that there was no room for. */
export const LEFT_OUT = '.left-out';

/**
 * Puts an event on disk, whole and durable, before it returns, or leaves nothing. Throws what the file system says, and when
 * too many wait already; those are counted for the ledger.
 */
export function spoolEvent(event: unknown, directory = SPOOL_PATH, now = Date.now(), max = SPOOL_MAX): void {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  if (readdirSync(directory).length >= max) {
    appendFileSync(join(directory, LEFT_OUT), '.', { mode: 0o640 });
    throw new Error(`${max} events wait already`);
  }
  const name = `${String(now).padStart(13, '0')}-${process.pid}-${kernelUuid().slice(0, 8)}.json`;
  const partial = join(directory, `.${name}`);
  const file = openSync(partial, 'wx', 0o640);
  try {
    try {
      writeFileSync(file, JSON.stringify(event));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, join(directory, name));
  } catch (error) {
    unlinkSync(partial);
    throw error;
  }
}
