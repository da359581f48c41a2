// What is wrong with the ledger: what it lost, why it goes on under another name, and that it is not signed. Each is told once. Pure.

import { type EpochNote, epochText, goesOnText } from '../core/ledger/checkpoint/epoch-note.ts';
import type { FirstBad, Loss } from '../core/ledger/index.ts';
import type { SegmentChange } from '../core/ledger/segment-watch.ts';
import { ERRORS, type ErrorCode } from '../core/lib/errors.ts';
import type { Fault } from './explain/faults.ts';

export interface LedgerView {
  path: string;
  loss?: Loss | undefined;
  /** Why its epoch began. */
  epoch?: EpochNote | undefined;
  /** The first line that does not hold. */
  broken?: FirstBad | undefined;
  /** What could not be written. */
  gap?: GapView | undefined;
  /** What others did to its sealed segments. */
  changed?: readonly SegmentChange[];
  /** Why no checkpoint can be signed. */
  unsigned?: { text: string; code: ErrorCode } | undefined;
}

/** Appends that failed. Times are RFC 3339. */
export interface GapView {
  since: string;
  /** When writing was possible again; without it, it is not yet. */
  until?: string;
  failed: number;
  error: string;
  /** Of the block that tells of it. */
  height?: number;
}

export type LedgerFault = Fault & { degraded?: boolean };

/** For how long something that is over is told of, in milliseconds: a person comes by in that time. */
export const TOLD_MS = 7 * 24 * 3_600_000;

/** @param now milliseconds of the epoch */
export function ledgerFaults(ledger: LedgerView | undefined, now: number): LedgerFault[] {
  if (ledger === undefined) return [];
  return [
    ...missingBlocks(ledger, now),
    ...brokenChain(ledger),
    ...changedSegments(ledger.changed ?? []),
    ...gapFault(ledger),
    ...unsignedHead(ledger.unsigned),
  ];
}

/** That a ledger is new, or that somebody gave it another name, is no fault of its host. */
const isTold = ({ why, at }: EpochNote, now: number) =>
  why !== 'first' && why !== 'origin-changed' && now - Date.parse(at) < TOLD_MS;

/** An epoch that began because blocks are missing says what the loss says, and what had been signed besides. */
const isOfLoss = ({ why, at }: EpochNote, loss: Loss) =>
  (why === 'rolled-back' || why === 'witness-ahead') && Date.parse(at) >= Date.parse(loss.at);

function missingBlocks({ path, loss, epoch: last }: LedgerView, now: number): LedgerFault[] {
  const epoch = last && isTold(last, now) ? last : undefined;
  const lost = loss && lossFault(path, loss);
  if (epoch === undefined) return lost ? [lost] : [];
  if (loss && lost && isOfLoss(epoch, loss))
    return [{ ...lost, fault: 'ledger-epoch', text: `${lost.text}. It ${goesOnText(epoch)}` }];
  const remedy = `See ovs-port-agent ledger show ${epoch.height}; what came after the older state is in no file of this host`;
  return [...(lost ? [lost] : []), { fault: 'ledger-epoch', text: epochText(path, epoch), remedy }];
}

function lossFault(path: string, { height, hash, found: end, setAside, at }: Loss): LedgerFault {
  const instead = end === 0 ? 'a new chain began' : `it ended at block ${end}`;
  const remedy =
    setAside === undefined
      ? `Find the old file, and check it with: ovs-port-agent ledger verify --head ${height}:${hash} FILE`
      : `The old file did not hold and was set aside. Where it is damaged: ovs-port-agent ledger verify ${setAside}`;
  const text = `the ledger ${path} does not hold block ${height}, the last one known: ${instead} at ${at}`;
  return { fault: 'ledger-lost', text, remedy };
}

/** One line for people. @param path of the ledger */
export function brokenText(path: string, { height, file, reason, expected, actual }: FirstBad): string {
  const where = file === undefined ? '' : ` (${file})`;
  return `the ledger ${path} does not hold from block ${height} on${where}: ${reason}, expected ${expected}, found ${actual}`;
}

function brokenChain({ path, broken }: LedgerView): LedgerFault[] {
  if (broken === undefined) return [];
  const remedy =
    'Keep the files, put back from a backup what does not hold, then restart the agent; see: ovs-port-agent ledger verify';
  return [{ fault: 'ledger-broken', text: brokenText(path, broken), remedy }];
}

function gapFault({ path, gap }: LedgerView): LedgerFault[] {
  if (gap === undefined) return [];
  const { since, until, failed, error, height } = gap;
  const blocks = failed === 1 ? 'a block' : `${failed} blocks`;
  if (until === undefined || height === undefined) {
    const text = `the ledger ${path} cannot be written since ${since}: ${blocks} could not be recorded (${error})`;
    return [{ fault: 'ledger-gap', text, remedy: ERRORS['ledger-write-failed'].remedy }];
  }
  const text = `the ledger ${path} lacks ${blocks} from ${since} to ${until}: it could not be written (${error})`;
  return [{ fault: 'ledger-gap', text, remedy: `See ovs-port-agent ledger show ${height}`, degraded: true }];
}

function changedSegments(changed: readonly SegmentChange[]): LedgerFault[] {
  const [segment] = changed;
  if (segment === undefined) return [];
  const more = changed.length === 1 ? '' : `, and ${changed.length - 1} more`;
  const text = `the ledger's segment ${segment.file} is not what was sealed: ${segment.what}${more}`;
  const remedy =
    'Put the segment back from a backup, then restart the agent; see: ovs-port-agent ledger verify';
  return [{ fault: 'ledger-segment', text, remedy }];
}

function unsignedHead(unsigned: LedgerView['unsigned']): LedgerFault[] {
  if (unsigned === undefined) return [];
  const { remedy } = ERRORS[unsigned.code];
  const text = `the ledger's head is not signed: ${unsigned.text}`;
  return [{ fault: 'ledger-unsigned', text, remedy, degraded: true }];
}
