// The ledger's checkpoints while the agent runs: made on a cadence, proved from, and kept with what witnesses put under them.

import { stat } from 'node:fs/promises';
import { type ErrorCode, isAgentError } from '../../lib/errors.ts';
import { parseNote } from '../note/signed-note.ts';
import { ledgerPaths } from '../paths.ts';
import { consistencyProof } from '../tree/proofs.ts';
import type { Ledger } from '../writer.ts';
import { openCadence } from './cadence.ts';
import { keepCheckpoint, NEWEST_BYTES, readCheckpoints } from './checkpoint-file.ts';
import type { EpochNote } from './epoch-note.ts';
import { type FollowedTree, followLedger } from './follow-tree.ts';
import { beat } from './heartbeat.ts';
import { logKeys } from './log-keys.ts';
import { machineDigest } from './origin.ts';
import { type EvidencePaths, evidencePaths } from './places.ts';
import { type Rotation, type RunningLog, runLog } from './running-log.ts';
import { readSignedHead } from './signed-head.ts';
import type { Signed } from './signer.ts';
import { withCheckpoints } from './stored-checkpoints.ts';
import { type ThinLimits, thinCheckpoints } from './thin.ts';
import type { SignedCheckpoint, WitnessedLog } from './witnessed-log.ts';

export interface CheckpointOptions {
  readonly ledger: Pick<Ledger, 'append' | 'head' | 'subscribe'>;
  /** Of the ledger's file. */
  readonly path: string;
  readonly hostname: string;
  readonly machineId: string;
  /** `[ledger] origin`; empty for the default. */
  readonly origin: string;
  /** How long a block waits for its checkpoint at most. */
  readonly everySeconds: number;
  readonly heartbeatSeconds: number;
  /** File with a key that systemd hands over; `ledger.d/key` is not looked at then. */
  readonly credential?: string | undefined;
  /** Milliseconds of the epoch. */
  readonly now: () => number;
  /** Seconds of a clock that only goes forward. */
  readonly mono: () => number;
  /** When old checkpoints are thinned out; by default as docs/ledger.md says. */
  readonly limits?: ThinLimits;
  /** Told once of each reason for which no checkpoint can be made. */
  readonly onError: (error: unknown) => void;
  /** Told of an epoch that begins for another reason than that the ledger is new. */
  readonly onEpoch: (begun: EpochNote) => void;
}

export interface CheckpointStatus {
  /** Undefined while the tree is made, and when that failed. */
  readonly origin: string | undefined;
  readonly epoch: number | undefined;
  /** The public key, as those who verify are given it. */
  readonly key: string | undefined;
  /** The newest checkpoint: its size, and when it was signed. */
  readonly size: number | undefined;
  readonly at: string | undefined;
  /** Why there is none, or no newer one, and the code of that error where it has one. */
  readonly problem: string | undefined;
  readonly problemCode: ErrorCode | undefined;
}

export interface Checkpoints extends WitnessedLog {
  /** Resolves when there is a checkpoint of this run, or the first try has failed. Never rejects. */
  readonly started: Promise<void>;
  /** Signs what there is; nothing if that is signed already. Undefined while there is no tree. */
  sign(): Promise<SignedCheckpoint | undefined>;
  /** A new key signs from now on; the old one signs its first checkpoint, too. Throws `ledger-key-unusable`. */
  rotateKey(): Promise<Rotation>;
  status(): CheckpointStatus;
  /**
   * Drops old checkpoints that say nothing more, when there are many. Rejects with what the disk throws, and when it is told to stop.
   *
   * @param believed what time it is, milliseconds of the epoch
   */
  thin(signal: AbortSignal, believed: number): Promise<void>;
  /** Signs once more, and ends. */
  close(): Promise<void>;
}

/** Returns at once: the tree is made in the background, since guests do not wait for it. */
export function openCheckpoints(options: CheckpointOptions): Checkpoints {
  const { ledger, onError } = options;
  const paths = evidencePaths(ledgerPaths(options.path).side);
  const listeners = new Set<() => void>();
  const start = starting(options, paths);
  let followed: FollowedTree | undefined;
  let log: RunningLog | undefined;
  let problem: { text: string; code: ErrorCode | undefined } | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  /** One after the other: a head is decided, written down and signed before the next. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = queue.then(work);
    queue = next.catch(() => undefined);
    return next;
  }

  /** @param work false: it signed nothing */
  async function signed<T>(work: (running: RunningLog) => Promise<T>): Promise<T> {
    if (log === undefined) {
      followed ??= await start.follow();
      log = await start.run(followed);
    }
    const done = await work(log);
    if (done === false) return done;
    problem = undefined;
    for (const listener of listeners) listener();
    return done;
  }
  const sign = () => inTurn(async () => void (await signed((to) => to.sign())));

  const cadence = openCadence(options.everySeconds, () => void sign().catch(failed));
  function failed(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    if (text !== problem?.text) onError(error);
    problem = { text, code: isAgentError(error) ? error.code : undefined };
    cadence.again();
  }
  const unsubscribe = ledger.subscribe(({ action }) => cadence.tick(action));
  const stopBeating = beat({
    ...options,
    everySeconds: options.heartbeatSeconds,
    newest: () => log?.newest()?.head.size,
  });
  const started = sign().catch(failed);

  const hasGrown = growthOf(paths.checkpoints);

  return {
    started,
    ...viewOf(() => log),
    async sign() {
      await sign();
      return view(log?.newest());
    },
    addCosignatures: (note, lines) => inTurn(() => addLines(paths.checkpoints, note, lines, options.now())),
    reportAhead: (name, size) =>
      inTurn(async () => {
        if (size <= (log?.newest()?.head.size ?? Number.POSITIVE_INFINITY)) return;
        await signed(async (to) => {
          await to.beginEpoch('witness-ahead', { name, size });
          return to.sign();
        });
      }),
    onSigned(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    rotateKey: () => inTurn(() => signed((to) => to.rotateKey())),
    status: () => statusOf(log, problem),
    async thin(signal, believed) {
      await started;
      if (log === undefined || !(await hasGrown())) return;
      await thinCheckpoints({ ...options, paths, tree: log.tree, inTurn, signal, believed });
    },
    async close() {
      unsubscribe();
      stopBeating();
      cadence.stop();
      await inTurn(async () => log && signed((to) => to.sign())).catch(failed);
      await followed?.close();
    },
  };
}

/** What a log begins with: its tree, and what was signed last. */
function starting(options: CheckpointOptions, paths: EvidencePaths) {
  const { ledger, path } = options;
  return {
    async follow(): Promise<FollowedTree> {
      const found = await readSignedHead(paths.signed);
      const signed = found === 'damaged' ? undefined : found;
      return followLedger({ ledger, path, treePath: paths.tree, signed });
    },
    async run({ tree }: FollowedTree): Promise<RunningLog> {
      const keys = logKeys(paths, options.credential);
      const machine = machineDigest(options.machineId);
      const parts = { ...options, paths, keys, tree, machine, configured: options.origin };
      return runLog(parts, await readSignedHead(paths.signed));
    },
  };
}

function viewOf(log: () => RunningLog | undefined): Pick<Checkpoints, 'origin' | 'newest' | 'consistency'> {
  return {
    origin: () => log()?.origin(),
    newest: () => view(log()?.newest()),
    async consistency(oldSize, newSize) {
      const running = log();
      if (running === undefined || newSize > (running.newest()?.head.size ?? 0))
        throw new RangeError(`no ${newSize} blocks have been signed`);
      return consistencyProof(oldSize, newSize, running.tree.read);
    },
  };
}

function statusOf(
  log: RunningLog | undefined,
  problem: { text: string; code: ErrorCode | undefined } | undefined,
): CheckpointStatus {
  const newest = log?.newest()?.head;
  return {
    ...{ origin: log?.origin(), epoch: log?.epoch(), key: log?.key() },
    ...{ size: newest?.size, at: newest?.at },
    ...{ problem: problem?.text, problemCode: problem?.code },
  };
}

function view(signed: Signed | undefined): SignedCheckpoint | undefined {
  return signed && { note: signed.note, size: signed.head.size, root: Buffer.from(signed.head.root, 'hex') };
}

/** Some thousand checkpoints: to look at all of them is not worth it for fewer. */
const GROWN_BYTES = 512 * 1024;

/** Whether a file is looked at for the first time, or has grown much since. */
function growthOf(path: string): () => Promise<boolean> {
  let last = Number.NEGATIVE_INFINITY;
  return async () => {
    const { size } = await stat(path);
    if (size >= last && size - last < GROWN_BYTES) return false;
    last = size;
    return true;
  };
}

async function addLines(path: string, note: string, lines: readonly string[], nowMs: number): Promise<void> {
  // Witnesses answer about the newest; one that is older than these gets a line of its own, unless it was thinned out.
  const { all } = await readCheckpoints(path, NEWEST_BYTES);
  const { text } = parseNote(note);
  const kept = all.find((one) => one.note.text === text);
  if (kept === undefined && all.length > 0 && !(await isStored(path, text))) return;
  const whole = kept?.text ?? note;
  const added = lines.filter((line) => !whole.includes(line));
  if (added.length === 0) return;
  await keepCheckpoint(path, kept?.at ?? new Date(nowMs).toISOString(), whole + added.join(''));
}

const isStored = (path: string, text: string): Promise<boolean> =>
  withCheckpoints(path, async ({ each }) => {
    for await (const { note } of each()) if (note.text === text) return true;
    return false;
  });
