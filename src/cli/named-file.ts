// Files that somebody names on the command line: read and written with what can go wrong said in one line.

import { constants } from 'node:fs';
import { type FileHandle, writeFile } from 'node:fs/promises';
import { AgentError } from '../core/lib/errors.ts';
import { openRegular } from '../core/lib/open-regular.ts';
import { readLimited } from '../core/lib/read-limited.ts';
import { CliError } from './failure.ts';
import { size } from './render/quantity.ts';

/** Much more than a checkpoint with all its witnesses, a proof with its block, or a policy has. */
const TEXT_MAX = 1024 * 1024;

/** A small file: a checkpoint, a proof, a policy. A pipe is read to its end. Throws with a line that says why it cannot be read. */
export async function readNamed(path: string): Promise<Buffer> {
  try {
    return await readLimited(path, TEXT_MAX);
  } catch (error) {
    throw new CliError(`${path} cannot be read: ${error instanceof Error ? error.message : error}`, 2);
  }
}

/** A big file that is read in pieces: a regular one of at most `maxBytes`. Throws with a line that says why not. */
export async function openNamed(path: string, maxBytes: number): Promise<FileHandle> {
  const file = await openRegular(path).catch((cause: unknown) => {
    throw new AgentError('bad-argument', `${path} cannot be read`, { cause });
  });
  const { size: bytes } = await file.stat();
  if (bytes <= maxBytes) return file;
  await file.close();
  throw new CliError(`${path} has ${size(bytes)}: more than ${size(maxBytes)} is not read.`, 2);
}

// O_NONBLOCK: opening a FIFO would wait for a reader for ever.
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

/** Anybody may read it. Throws `output-failed`. */
export async function writeNamed(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: WRITE, mode: 0o644 });
  } catch (cause) {
    throw new AgentError('output-failed', `${path} cannot be written`, { cause });
  }
}
