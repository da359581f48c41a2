// The key that signs checkpoints, in a file that only root reads, or given by systemd.

import { chmod, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from '../../lib/atomic-file.ts';
import { AgentError, isErrno } from '../../lib/errors.ts';
import { readSigner, type Signer } from '../note/keys.ts';

/** Undefined when there is no such file. Throws `ledger-key-unusable` for one that cannot be read or is no key. */
export async function readKey(path: string): Promise<Signer | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return undefined;
    throw unusable(path, cause);
  }
  try {
    return readSigner(text);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** Writes a new file; one that is there is replaced whole. */
export async function writeKey(path: string, signer: Signer): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, 'wx', 0o400);
  try {
    await file.writeFile(`${signer.privateText()}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  // The umask may have taken the owner's right away.
  await chmod(path, 0o400);
  await syncDirectory(dirname(path));
}

export async function promoteKey(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

const unusable = (path: string, cause: unknown) =>
  new AgentError('ledger-key-unusable', `The key ${path} cannot be used.`, { cause });
