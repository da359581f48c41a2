// What a witness has cosigned last of each log, on disk before anybody is told: the whole worth of a witness.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HASH_BYTES } from '../core/ledger/tree/hash.ts';
import { syncDirectory, writeFileAtomically } from '../core/lib/atomic-file.ts';
import { AgentError, isErrno } from '../core/lib/errors.ts';
import type { Head } from './judge.ts';

export interface SeenHead extends Head {
  readonly origin: string;
  /** When it was cosigned, RFC 3339. */
  readonly at: string;
  /** The checkpoint as the log gave it, with the cosignature: what shows a fork to others. */
  readonly note: string;
}

export interface SeenHeads {
  /** Undefined when nothing was ever cosigned of this log. Throws `witness-state-unusable` when that cannot be known. */
  latest(origin: string): Promise<SeenHead | undefined>;
  /** Resolves when it is on the device. Throws `witness-state-unusable`. */
  keep(head: SeenHead): Promise<void>;
  /** Of every log. Throws `witness-state-unusable`. */
  all(): Promise<SeenHead[]>;
}

const seenSchema = z.object({
  origin: z.string().min(1),
  size: z.int().min(0),
  root: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
  note: z.string(),
});

/** Makes the directory of a witness that has seen nothing yet. */
export async function makeSeenHeads(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await syncDirectory(join(directory, '..'));
}

/** @param directory is there, see `makeSeenHeads`: one that is gone is a state that was lost, not the first use */
export function openSeenHeads(directory: string): SeenHeads {
  return {
    async latest(origin) {
      const path = join(directory, fileOf(origin));
      const found = await read(path, directory);
      if (found !== undefined && found.origin !== origin) throw unusable(path, 'it is about another log');
      return found;
    },
    async keep({ root, ...head }) {
      const path = join(directory, fileOf(head.origin));
      const text = `${JSON.stringify({ ...head, root: root.toString('hex') }, undefined, 1)}\n`;
      await writeFileAtomically(path, text, 0o600).catch((error: unknown) => {
        throw new AgentError('witness-state-unusable', `${path} cannot be written`, { cause: error });
      });
    },
    async all() {
      const names = await readdir(directory).catch((error: unknown) => {
        throw new AgentError('witness-state-unusable', `${directory} cannot be read`, { cause: error });
      });
      const found = names.filter((name) => /^[0-9a-f]{64}\.json$/.test(name)).sort();
      const heads = await Promise.all(found.map((name) => read(join(directory, name), directory)));
      return heads.flatMap((head) => head ?? []);
    },
  };
}

/** An origin may have any length and any sign. */
const fileOf = (origin: string) => `${createHash('sha256').update(origin).digest('hex')}.json`;

async function read(path: string, directory: string): Promise<SeenHead | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT'))
      throw new AgentError('witness-state-unusable', `${path} cannot be read`, { cause: error });
    // Without its directory it is not a log that is new: everything that was seen is gone.
    await stat(directory).catch((gone: unknown) => {
      throw new AgentError('witness-state-unusable', `${directory} is not there`, { cause: gone });
    });
    return undefined;
  }
  const parsed = seenSchema.safeParse(jsonOf(text));
  if (!parsed.success) throw unusable(path, 'it is not what was written');
  const { root, ...rest } = parsed.data;
  const bytes = Buffer.from(root, 'hex');
  if (bytes.length !== HASH_BYTES) throw unusable(path, 'it has no root');
  return { ...rest, root: bytes };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const unusable = (path: string, why: string) =>
  new AgentError('witness-state-unusable', `${path} cannot be used: ${why}`);
