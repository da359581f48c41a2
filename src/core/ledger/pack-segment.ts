// Packs a sealed segment, a piece at a time, so that nothing else on the host notices; the plain one goes when the packed one is proved.
import { type FileHandle, rename, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentError } from '../lib/errors.ts';
import { keepOwner } from '../lib/keep-owner.ts';
import { type ByteSource, fileSource, readFully } from './byte-source.ts';
import { lineChunks } from './line-chunks.ts';
import { packMember } from './packed-member.ts';
import { packedSource } from './packed-source.ts';
import { type LedgerPaths, syncDir, withFile } from './paths.ts';
import { PART, SEALED_MODE, type Sealed } from './segments.ts';

const PIECE_BYTES = 1 << 20;

export type PackOptions = {
  signal: AbortSignal;
  /** Rest after each piece of a megabyte, in ms: one takes some thirty. */
  pauseMs?: number;
  /** Called before the plain file is removed, with its path from the ledger's directory on. */
  vanishing?: (file: string) => void;
};

/**
 * At each moment the segment is there, plain or packed, and whole. Rejects when it is told to stop, when the disk fails, and
 * (`ledger-broken`) when the segment does not end in a line; nothing of the packed one stays then.
 */
export async function packSegment(paths: LedgerPaths, plain: Sealed, options: PackOptions): Promise<Sealed> {
  const packed = `${plain.path}.gz`;
  const part = `${packed}${PART}`;
  try {
    await writePacked(plain.path, part, options);
    if (!(await holdsSameText(plain.path, part, options.signal)))
      throw new AgentError(
        'ledger-broken',
        `${plain.path} cannot be packed: what was packed reads otherwise.`,
      );
    await rename(part, packed);
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDir(paths.segments);
  options.vanishing?.(plain.file);
  await rm(plain.path);
  await syncDir(paths.segments);
  return { ...plain, path: packed, file: `${plain.file}.gz`, packed: true };
}

function writePacked(from: string, to: string, { signal, pauseMs = 20 }: PackOptions): Promise<void> {
  const copy = async (source: FileHandle, target: FileHandle): Promise<void> => {
    const { uid, gid, atime, mtime } = await source.stat();
    for await (const { bytes, complete } of lineChunks(source)) {
      signal.throwIfAborted();
      if (!complete)
        throw new AgentError('ledger-broken', `${from} cannot be packed: its last line has no end.`);
      await target.appendFile(await packMember(bytes));
      await sleep(pauseMs, undefined, { signal });
    }
    await keepOwner(target, { uid, gid });
    await target.chmod(SEALED_MODE);
    await target.utimes(atime, mtime);
    await target.sync();
  };
  return withFile(from, 'r', (source) => withFile(to, 'w', (target) => copy(source, target)));
}

/** Whether a packed file gives the bytes of a plain one. */
export function holdsSameText(plain: string, packed: string, signal?: AbortSignal): Promise<boolean> {
  const compare = async (text: ByteSource, unpacked: ByteSource): Promise<boolean> => {
    const size = await text.size();
    if (size !== (await unpacked.size())) return false;
    for (let at = 0; at < size; at += PIECE_BYTES) {
      signal?.throwIfAborted();
      const [expected, found] = await Promise.all([
        readFully(text, at, PIECE_BYTES),
        readFully(unpacked, at, PIECE_BYTES),
      ]);
      if (!expected.equals(found)) return false;
    }
    return true;
  };
  return withFile(plain, 'r', (one) =>
    withFile(packed, 'r', async (other) => compare(await fileSource(one), await packedSource(other))),
  );
}
