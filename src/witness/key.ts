// A witness's own key and the folder of what it has seen: made together, and used together only.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { newSigner, readSigner, type Signer } from '../core/ledger/note/keys.ts';
import { isTemporary, writeFileAtomically } from '../core/lib/atomic-file.ts';
import { AgentError, isErrno } from '../core/lib/errors.ts';
import { seenFolder } from './places.ts';
import { makeSeenHeads, openSeenHeads, type SeenHeads } from './seen-heads.ts';

export interface WitnessIdentity {
  readonly signer: Signer;
  readonly seen: SeenHeads;
}

const keyFile = (directory: string) => join(directory, 'key');

/** Undefined for one that was never started. Throws `witness-state-unusable`. */
export async function readWitnessKey(directory: string): Promise<Signer | undefined> {
  try {
    return readSigner(await readFile(keyFile(directory), 'utf8'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw new AgentError('witness-state-unusable', `${keyFile(directory)} cannot be read`, { cause: error });
  }
}

/**
 * A key whose folder of seen heads is gone, or a folder without its key, is refused: what was seen is what the key stands for.
 * Throws `witness-state-unusable`.
 *
 * @param directory of this witness alone
 * @param name of the key if it is made now; `{key}` stands for the key itself, as Sigsum names its witnesses
 */
export async function openWitnessIdentity(directory: string, name: string): Promise<WitnessIdentity> {
  const seen = openSeenHeads(seenFolder(directory));
  for (const folder of [directory, seenFolder(directory)]) await removeLitter(folder);
  const names = await readdir(seenFolder(directory)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw new AgentError('witness-state-unusable', `${seenFolder(directory)} cannot be read`, {
      cause: error,
    });
  });
  const known = await readWitnessKey(directory);
  if (known !== undefined) {
    if (names === undefined)
      throw new AgentError('witness-state-unusable', `${directory} has a key, and what it has seen is gone`);
    // Read once now, so that damage is told when somebody is there.
    await seen.all();
    return { signer: known, seen };
  }
  if (names !== undefined && names.length > 0)
    throw new AgentError('witness-state-unusable', `${directory} has seen ledgers, and its key is gone`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await makeSeenHeads(seenFolder(directory));
  const made = newSigner('witness');
  const hash = createHash('sha256').update(made.verifier.raw).digest('hex');
  const signer = made.named(name.replaceAll('{key}', hash));
  await writeFileAtomically(keyFile(directory), `${signer.privateText()}\n`, 0o400);
  return { signer, seen };
}

/** What a witness that was killed had not finished. Nobody else writes there. */
async function removeLitter(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter(isTemporary)) await rm(join(directory, name), { force: true });
}

/** What a key is called whose name nobody chose. @param part `witness`, `cluster` */
export function defaultKeyName(hostname: string, part: string): string {
  return `${hostname.replace(/[\s+\p{Cc}]/gu, '-') || 'host'}/ovs-port-agent/${part}`;
}
