// Thins the file of checkpoints: of the old ones that are certainly so, few stay. Verification says the same before and after (docs/adr/0072).

import { type FileHandle, rename, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncDirectory } from '../../lib/atomic-file.ts';
import { keepOwner } from '../../lib/keep-owner.ts';
import { idOf, readFully } from '../byte-source.ts';
import { digest } from '../digest.ts';
import { lineChunks } from '../line-chunks.ts';
import { withFile } from '../paths.ts';
import { entryOf } from '../producer.ts';
import type { TreeFile } from '../tree/tree-file.ts';
import type { Ledger } from '../writer.ts';
import { LEDGER_EVIDENCE } from './actions.ts';
import { type KeptCheckpoint, keptIn } from './checkpoint-file.ts';
import type { Declaration } from './declarations.ts';
import { has, timeOf } from './judge-signatures.ts';
import type { EvidencePaths } from './places.ts';
import { readDeclarations } from './read-declarations.ts';
import { readSignedHead, type SignedHead } from './signed-head.ts';
import { type Breathe, linesOf, type StoredCheckpoints, withCheckpoints } from './stored-checkpoints.ts';
import { thinningRule } from './thinning-rule.ts';

export interface ThinParts {
  /** Of the ledger's file. */
  readonly path: string;
  readonly paths: EvidencePaths;
  readonly tree: Pick<TreeFile, 'size' | 'root'>;
  readonly ledger: Pick<Ledger, 'append'>;
  /** Runs work while nobody signs, or writes to the file of checkpoints. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
  /** What time it is, milliseconds of the epoch: by a clock that was set forward nothing is old. */
  readonly believed: number;
  /** Rest after each few milliseconds of work. */
  readonly pauseMs?: number;
  readonly limits?: ThinLimits;
}

export interface ThinLimits {
  /** So many of the newest stay whatever the clock says. */
  readonly newest: number;
  /** For fewer that could go, the file is not written anew. */
  readonly least: number;
}

/** Two days of one a minute, and a third of a day. */
const LIMITS: ThinLimits = { newest: 3000, least: 500 };

/** How long the agent does nothing else. */
const SLICE_MS = 10;

/**
 * At each moment the file is there and whole; who reads it meanwhile goes on with the one that is open. Resolves with how many were dropped.
 * Rejects when it is told to stop, and with what the disk throws; nothing has changed then.
 */
export async function thinCheckpoints(parts: ThinParts): Promise<number> {
  const { path, paths, tree, signal, believed, pauseMs = 20, limits = LIMITS } = parts;
  const part = `${paths.checkpoints}.part`;
  // A crash may have left it.
  await rm(part, { force: true });
  const signed = await readSignedHead(paths.signed);
  if (signed === undefined || signed === 'damaged' || !leadsTo(tree, signed)) return 0;
  const breathe = breather(signal, pauseMs);
  return withCheckpoints(
    paths.checkpoints,
    async (stored) => {
      const { file } = stored;
      if (file === undefined || stored.sizes.length < limits.newest + limits.least) return 0;
      const declarations = await readDeclarations(path, paths.keys);
      const judge = { signed, tree, declarations, breathe, believed, newest: limits.newest };
      const stay = await whichStay(stored, judge);
      const dropped = stay.reduce((count, one) => count - one, stay.length);
      if (dropped < limits.least) return 0;
      try {
        const isDone = await replace({ ...parts, part, stored, file, stay, dropped, breathe });
        return isDone ? dropped : 0;
      } finally {
        await rm(part, { force: true }).catch(() => undefined);
      }
    },
    breathe,
  );
}

/** Everything that is dropped is under this head, and stays with it as certain as it was. */
const leadsTo = (tree: ThinParts['tree'], { size, root }: SignedHead) =>
  size <= tree.size() && tree.root(size).toString('hex') === root;

function breather(signal: AbortSignal, pauseMs: number): Breathe {
  let since = performance.now();
  return async () => {
    signal.throwIfAborted();
    if (performance.now() - since < SLICE_MS) return;
    await sleep(pauseMs, undefined, { signal });
    since = performance.now();
  };
}

interface Judge {
  readonly signed: SignedHead;
  readonly tree: ThinParts['tree'];
  readonly declarations: readonly Declaration[];
  readonly breathe: Breathe;
  readonly newest: number;
  readonly believed: number;
}

/** Of each, 1 if it stays: by the rule, or since it is not certain that verification has nothing against it. */
async function whichStay(stored: StoredCheckpoints, by: Judge): Promise<Uint8Array> {
  const { signed, tree, declarations, breathe } = by;
  const { sizes, each } = stored;
  const { value: last } = await each(sizes.length - 1).next();
  if (!last || last.checkpoint.origin !== signed.origin || last.checkpoint.size !== signed.size)
    return new Uint8Array(sizes.length).fill(1);
  const newestAt = Math.min(Date.parse(last.at), by.believed);
  const rule = thinningRule({ count: sizes.length, newest: by.newest, newestAt });
  const twice = thoseTwice(sizes);
  for await (const kept of each()) {
    const time = timeOf(kept, declarations);
    const { own, cosigners } = signersOf(kept, declarations);
    const isPlain = time !== undefined && !time.isLost && kept.checkpoint.size <= signed.size;
    const stays = !isPlain || own > 1 || twice.has(kept.checkpoint.size);
    rule.take({ at: Date.parse(kept.at), cosigners, key: isPlain ? time.at : undefined, stays });
    await breathe();
  }
  const stay = rule.end();
  let index = 0;
  for await (const kept of each()) {
    const { size, root } = kept.checkpoint;
    const key = timeOf(kept, declarations)?.current.key;
    if (stay[index] === 0 && !(key && has(kept, key) && tree.root(size).equals(root))) stay[index] = 1;
    index += 1;
    await breathe();
  }
  return stay;
}

/** Sizes of which there is more than one head: that is evidence, whichever of them is right. */
function thoseTwice(sizes: readonly number[]): Set<number> {
  const sorted = Float64Array.from(sizes).sort();
  return new Set(sorted.filter((size, index) => size === sorted[index - 1]));
}

/** How many of the ledger's own keys have signed it, and who else. */
function signersOf({ note }: KeptCheckpoint, declarations: readonly Declaration[]) {
  const others = note.signatures.filter(
    ({ name, id }) => !declarations.some(({ key }) => key.name === name && key.id.equals(id)),
  );
  return {
    own: note.signatures.length - others.length,
    cosigners: others.map(({ name, id }) => `${name}+${id.toString('hex')}`),
  };
}

interface Replacing extends ThinParts {
  readonly part: string;
  readonly stored: StoredCheckpoints;
  readonly file: FileHandle;
  readonly stay: Uint8Array;
  readonly dropped: number;
  readonly breathe: Breathe;
}

/** False when somebody has written something meanwhile that does not go with it. */
async function replace(work: Replacing): Promise<boolean> {
  const { part, paths, stored, file, inTurn } = work;
  return withFile(part, 'wx', async (target) => {
    await copy(work, target);
    return inTurn(async () => {
      const { size, uid, gid, mode } = await file.stat();
      const now = await stat(paths.checkpoints, { bigint: true });
      if (`${now.dev}:${now.ino}` !== (await idOf(file))) return false;
      const added = await readFully(file, stored.end, size - stored.end);
      const upTo = mostDropped(work);
      // A witness that answered this late is heard the next time.
      if (
        linesOf(added).some(
          ({ start, stop }) => (keptIn(added.subarray(start, stop))?.checkpoint.size ?? Infinity) <= upTo,
        )
      )
        return false;
      await target.appendFile(added);
      await keepOwner(target, { uid, gid });
      await target.chmod(mode & 0o777);
      await target.sync();
      await tell(work, upTo);
      await rename(part, paths.checkpoints);
      await syncDirectory(paths.side);
      return true;
    });
  });
}

/** The lines that stay, as they are. */
async function copy({ stored, file, stay, breathe }: Replacing, target: FileHandle): Promise<void> {
  let line = 0;
  for await (const { bytes } of lineChunks(file, { to: stored.end })) {
    const pieces: Buffer[] = [];
    for (const { start, stop } of linesOf(bytes)) {
      const index = stored.lines[line++] ?? -1;
      if (index < 0 || stay[index] === 1) pieces.push(bytes.subarray(start, stop + 1));
    }
    await target.appendFile(Buffer.concat(pieces));
    await breathe();
  }
}

function mostDropped({ stored, stay }: Replacing): number {
  return stored.sizes.reduce((most, size, index) => (stay[index] === 0 ? Math.max(most, size) : most), 0);
}

/** Before it is done: who compares with a copy of the file finds here that it was not tampered with. */
async function tell({ ledger, file, dropped }: Replacing, upTo: number): Promise<void> {
  const { sha256, bytes } = await digest(file);
  const data = { dropped, up_to: upTo, bytes, sha256 };
  await ledger.append(entryOf(LEDGER_EVIDENCE, { action: 'ledger_checkpoints_thinned', data }));
}
