// What a log says of itself at one size: its name, how many blocks, and their root (C2SP tlog-checkpoint).

import { AgentError } from '../../lib/errors.ts';
import { HASH_BYTES } from '../tree/hash.ts';

export interface Checkpoint {
  /** Names the log, for ever; a URL without its scheme. */
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** The text that is signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Reads the text of a note; lines after the third are extensions, which say nothing here. Throws `bad-argument`. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', encoded = ''] = text.split('\n');
  if (origin === '') throw bad('it names no log');
  // A size is written in one way only, so that two texts never say the same.
  if (!/^(0|[1-9][0-9]*)$/.test(size) || !Number.isSafeInteger(Number(size))) throw bad('it has no size');
  const root = Buffer.from(encoded, 'base64');
  if (root.length !== HASH_BYTES || root.toString('base64') !== encoded) throw bad('it has no root');
  return { origin, size: Number(size), root };
}

const bad = (why: string) => new AgentError('bad-argument', `This is no checkpoint: ${why}.`);
