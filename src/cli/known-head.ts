// A head that somebody kept off the host, read from the file it was kept in.

import type { KnownHead } from '../core/ledger/checkpoint/judge.ts';
import { parseCheckpoint } from '../core/ledger/note/checkpoint.ts';
import { parseNote } from '../core/ledger/note/signed-note.ts';
import { parseProof } from '../core/ledger/note/tlog-proof.ts';
import { parseHead } from './arguments.ts';
import { CliError } from './failure.ts';
import { readNamed } from './named-file.ts';

/** A checkpoint, a proof with one in it, or HEIGHT:HASH as `ledger verify` prints it. */
export async function readKnownHead(path: string): Promise<KnownHead> {
  const text = (await readNamed(path)).toString('utf8');
  try {
    const note = text.startsWith('c2sp.org/tlog-proof@') ? parseProof(text).checkpoint : text;
    const { size, root } = parseCheckpoint(parseNote(note).text);
    return { size, root, from: path };
  } catch {
    return headIn(text.trim(), path);
  }
}

function headIn(text: string, path: string): KnownHead {
  try {
    const { height, hash } = parseHead(text);
    return { size: height, hash, from: path };
  } catch {
    throw new CliError(`${path} is no head: it must hold a checkpoint, a proof, or HEIGHT:HASH.`, 2);
  }
}
