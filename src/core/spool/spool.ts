// Events that a hook could not hand to the agent: one file each, written by hooks, absorbed by the agent.
//
// Hook bundles import this file: no heavy imports here.

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { kernelUuid } from '../kernel/uuid.ts';

export const SPOOL_PATH = '/var/lib/ovs-port-agent/spool';
/** File names sort by time, so that events are absorbed in the order in which they happened. */
export const SPOOL_NAME = /^\d{13}-\d+-[0-9a-f]{8}\.json$/;

/** Puts an event on disk, whole and durable, before it returns. Throws what the file system says. */
export function spoolEvent(event: unknown, directory = SPOOL_PATH, now = Date.now()): void {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const name = `${String(now).padStart(13, '0')}-${process.pid}-${kernelUuid().slice(0, 8)}.json`;
  const partial = join(directory, `.${name}`);
  const file = openSync(partial, 'wx', 0o640);
  try {
    writeSync(file, JSON.stringify(event));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(partial, join(directory, name));
}
