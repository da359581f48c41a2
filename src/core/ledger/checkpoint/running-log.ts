// The log once its tree is whole: signs its heads, and goes over to new keys and epochs.

import { AgentError } from '../../lib/errors.ts';
import { type Signer, verifierText } from '../note/keys.ts';
import { entryOf } from '../producer.ts';
import type { TreeFile } from '../tree/tree-file.ts';
import type { Ledger } from '../writer.ts';
import { type EpochReason, LEDGER_EVIDENCE } from './actions.ts';
import { NEWEST_BYTES, readCheckpoints, readPublicKeys } from './checkpoint-file.ts';
import { epochReason, isSignedByFormerKey } from './epoch.ts';
import { type EpochNote, writeEpochNote } from './epoch-note.ts';
import type { LogKeys } from './log-keys.ts';
import { originOf } from './origin.ts';
import type { EvidencePaths } from './places.ts';
import type { SignedHead } from './signed-head.ts';
import { type Signed, signTree } from './signer.ts';
import { withCheckpoints } from './stored-checkpoints.ts';

export interface LogParts {
  readonly paths: EvidencePaths;
  readonly keys: LogKeys;
  readonly tree: TreeFile;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly hostname: string;
  readonly machine: string;
  /** `[ledger] origin`; empty for the default. */
  readonly configured: string;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** Told of an epoch that begins for another reason than that the ledger is new. */
  readonly onEpoch: (begun: EpochNote) => void;
  readonly onError: (error: unknown) => void;
}

/** The public keys until then and from then on; the checkpoint of `size` blocks both have signed. */
export interface Rotation {
  readonly origin: string;
  readonly former: string;
  readonly key: string;
  readonly size: number;
}

export interface RunningLog {
  readonly tree: TreeFile;
  origin(): string;
  epoch(): number;
  key(): string;
  newest(): Signed | undefined;
  /** Signs what there is; false when that is signed already. */
  sign(): Promise<boolean>;
  /** @param pending the key that is to follow, where one was made already */
  rotateKey(pending?: Signer): Promise<Rotation>;
  beginEpoch(why: EpochReason, witness?: { name: string; size: number }): Promise<void>;
}

/**
 * Goes on with the epoch that there is, or begins one; `sign` is the first that signs. @param found what was signed last, as it was read
 */
export async function runLog(
  parts: LogParts,
  found: SignedHead | 'damaged' | undefined,
): Promise<RunningLog> {
  const { paths, keys, tree, machine, configured } = parts;
  const signed = found === 'damaged' ? undefined : found;
  const key = await keys.own();
  const rootAtSigned =
    signed && signed.size <= tree.size() ? tree.root(signed.size).toString('hex') : undefined;
  const expectedOrigin = key && signed && originOf({ ...parts, epoch: signed.epoch }, key.verifier.raw);
  const facts = {
    ...{ machine, configured, signed: found, hasKey: key !== undefined },
    ...{ expectedOrigin, rootAtSigned },
  };
  const why = epochReason({ ...facts, size: tree.size() });
  if (why !== undefined || key === undefined || signed === undefined) {
    const state = { signer: key, origin: '', epoch: signed?.epoch ?? 0, newest: undefined, signed };
    const log = goOn(parts, state);
    await log.beginEpoch(why ?? 'record-lost');
    return log;
  }
  const { origin, epoch } = signed;
  const newest = await noteOf(paths.checkpoints, signed);
  const log = goOn(parts, { signer: key.named(origin), origin, epoch, newest, signed });
  const pending = await keys.pending();
  // The block that names it may be there already: so it is brought to its end.
  if (pending?.verifier.name === origin) await log.rotateKey(pending);
  return log;
}

interface State {
  signer: Signer | undefined;
  origin: string;
  epoch: number;
  newest: Signed | undefined;
  /** What was written down last, in this epoch or, while one begins, in the one before. */
  signed: SignedHead | undefined;
  /** A key that a block has declared, until it has signed and is the log's own; and who signs its first checkpoint, too. */
  next?: { signer: Signer; beside: readonly Signer[] } | undefined;
}

function goOn(parts: LogParts, state: State): RunningLog {
  const { paths, keys, tree, ledger, machine, now } = parts;

  async function signAs(signers: readonly Signer[]): Promise<void> {
    const { origin, epoch, signed } = state;
    const last = signed?.origin === origin ? signed : undefined;
    const onRecorded = (head: SignedHead) => {
      state.signed = head;
    };
    state.newest = await signTree({ paths, tree, origin, epoch, machine, signers, last, now, onRecorded });
  }

  async function sign(): Promise<boolean> {
    const { next, signer, newest } = state;
    if (next === undefined) {
      if (signer === undefined || newest?.head.size === tree.size()) return false;
      await signAs([signer]);
      return true;
    }
    // No other key may sign what comes after the block that declares it; a try that failed is made again.
    await signAs([next.signer, ...next.beside]);
    await keys.adopt(next.signer, state.newest?.head.size ?? 0);
    state.signer = next.signer;
    state.next = undefined;
    return true;
  }

  return {
    tree,
    origin: () => state.origin,
    epoch: () => state.epoch,
    key: () => {
      const signer = state.next?.signer ?? state.signer;
      return signer ? verifierText(signer.verifier) : '';
    },
    newest: () => state.newest,
    sign,
    async beginEpoch(why, witness) {
      const { signer: former, signed } = state;
      const epoch = state.epoch + 1;
      const signer = await keys.next((raw) => originOf({ ...parts, epoch }, raw));
      const origin = signer.verifier.name;
      const parent = signed && { origin: signed.origin, size: signed.size, root: signed.root };
      const data = {
        ...{ epoch, origin, key: verifierText(signer.verifier), why, parent: parent ?? null },
        ...{ blocks: tree.size(), common: await commonSize(paths.checkpoints, signed?.origin, tree) },
        ...(witness && { witness: witness.name, witnessed: witness.size }),
      };
      const { height, timestamp: at } = await ledger.append(
        entryOf(LEDGER_EVIDENCE, { action: 'ledger_epoch_begun', data }),
      );
      const beside = former && isSignedByFormerKey(why) ? [former] : [];
      Object.assign(state, { origin, epoch, newest: undefined, next: { signer, beside } });
      const note = { why, at, origin, height, parent: parent ?? null, witness: witness ?? null };
      if (why !== 'first') parts.onEpoch(note);
      // The block says the same; without the note only status forgets it at the next start.
      await writeEpochNote(paths.epoch, note).catch(parts.onError);
    },
    async rotateKey(pending) {
      if (state.next !== undefined) await sign();
      const { signer: old, origin } = state;
      if (old === undefined) throw new AgentError('ledger-key-unusable', 'The ledger has no key yet.');
      const signer = pending ?? (await keys.next(() => origin));
      const [former, key] = [verifierText(old.verifier), verifierText(signer.verifier)];
      if (former === key)
        throw new AgentError('ledger-key-unusable', 'The key is handed over by systemd, and is the same.');
      const used = pending ? [] : await readPublicKeys(paths.keys);
      if (used.some((one) => one.key === key))
        throw new AgentError(
          'ledger-key-unusable',
          'The key is handed over by systemd, and has had its time.',
        );
      const data = { origin, former, key };
      await ledger.append(entryOf(LEDGER_EVIDENCE, { action: 'ledger_key_rotated', data }));
      state.next = { signer, beside: [old] };
      await sign();
      return { origin, former, key, size: state.newest?.head.size ?? 0 };
    },
  };
}

/** Of the checkpoints with this origin, the most blocks that one covers and that the tree still leads to. */
async function commonSize(path: string, origin: string | undefined, tree: TreeFile): Promise<number> {
  return withCheckpoints(path, async ({ each }) => {
    let most = 0;
    for await (const { checkpoint } of each()) {
      const { origin: its, size, root } = checkpoint;
      if (its === origin && size > most && size <= tree.size() && tree.root(size).equals(root)) most = size;
    }
    return most;
  });
}

/** The note of that head, unless the power went before it was kept. */
async function noteOf(path: string, head: SignedHead): Promise<Signed | undefined> {
  const { all } = await readCheckpoints(path, NEWEST_BYTES);
  const last = all.at(-1);
  const isOf = last?.checkpoint.origin === head.origin && last.checkpoint.size === head.size;
  return isOf ? { note: last.text, head } : undefined;
}
