// What to do so that a guest has our hookscript, or has it no more; pure.
//
// The record is written before ours is set and changed after ours is gone: whatever step is the last one that was done,
// the former hookscript is named by the guest's configuration or by the record, and the same verb again ends well.

import { lastingMarks } from '../config/guest-marks.ts';
import type { ProxmoxGuest } from '../config/tree.ts';
import { type Former, type HookscriptRecord, isOfGuest, type ReadRecord, sameRecord } from './record.ts';
import { isOurVolume, OUR_VOLUME } from './volume.ts';

export type HookscriptStep =
  | { readonly kind: 'write-record'; readonly record: HookscriptRecord }
  | { readonly kind: 'set-hookscript'; readonly volume: string }
  | { readonly kind: 'delete-hookscript' };

/** A guest's hookscript as it is. */
export interface HookscriptState {
  readonly hookscript: string | undefined;
  /** What is known of this guest: nothing where a record is of another one. */
  readonly record: ReadRecord;
  /** The record of another guest that had this number, or of this one before its marks were changed. */
  readonly foreign?: HookscriptRecord;
  /** The guest's own marks. */
  readonly marks: readonly string[];
}

/** @param found the record under the guest's number */
export function stateOf({ config }: Pick<ProxmoxGuest, 'config'>, found: ReadRecord): HookscriptState {
  const { hookscript, marks } = config;
  if (typeof found !== 'object' || isOfGuest(found, marks)) return { hookscript, record: found, marks };
  return { hookscript, record: undefined, foreign: found, marks };
}

/** How the guest stands for `enroll` and `unenroll`. Damaged: ours is set, and what ran before it cannot be told. */
export type EnrolmentStatus = 'ours' | 'ours-damaged' | 'other' | 'none';

export function enrolmentStatusOf({ hookscript, record }: HookscriptState): EnrolmentStatus {
  if (hookscript === undefined) return 'none';
  if (!isOurVolume(hookscript)) return 'other';
  return record === 'damaged' ? 'ours-damaged' : 'ours';
}

/** The hookscript that runs after ours. */
export function formerOf({ hookscript, record }: HookscriptState): Former | undefined {
  return isOurVolume(hookscript) && typeof record === 'object' ? record.former : undefined;
}

/**
 * The steps to ours, none when it is set. The configuration counts, not an older record: a rollback or a person may
 * have changed it since.
 * @param former the present hookscript with its file, where it is another one
 */
export function planEnrol(state: HookscriptState, former: Former | undefined): HookscriptStep[] {
  const { record } = state;
  const marks = lastingMarks(state.marks);
  if (enrolmentStatusOf(state) === 'ours') {
    // Set by hand, or it came with a clone or a rollback: from now on it is known to be wanted.
    const known = formerOf(state);
    return recordStep(record, { state: 'enrolled', ...(known && { former: known }), marks });
  }
  const desiredRecord: HookscriptRecord = { state: 'enrolled', ...(former && { former }), marks };
  return [...recordStep(record, desiredRecord), { kind: 'set-hookscript', volume: OUR_VOLUME }];
}

/**
 * The steps away from ours, back to what was there before.
 * @param remember note it also for a guest that never had ours, so that it does not get it by itself
 */
export function planUnenrol(state: HookscriptState, remember: boolean): HookscriptStep[] {
  const { record } = state;
  const marks = lastingMarks(state.marks);
  // The former one stays named: a rollback may bring ours back.
  const former = typeof record === 'object' ? record.former : undefined;
  const note = recordStep(record, { state: 'unenrolled', ...(former && { former }), marks });
  if (enrolmentStatusOf(state) !== 'ours') return record === undefined && !remember ? [] : note;
  if (former === undefined) return [{ kind: 'delete-hookscript' }, ...note];
  return [{ kind: 'set-hookscript', volume: former.volume }, ...note];
}

function recordStep(found: ReadRecord, record: HookscriptRecord): HookscriptStep[] {
  return sameRecord(found, record) ? [] : [{ kind: 'write-record', record }];
}
