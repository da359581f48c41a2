// What is known of a guest's hookscript beside its configuration: one small text, which the hook's shell stub reads as well.

import { isMark, isSameGuest } from '../config/guest-marks.ts';
import { parseSnippet } from './volume.ts';

/** The hookscript that a guest had before ours. */
export interface Former {
  readonly volume: string;
  /** Absolute path of its file: the same on every node, since storages are the cluster's. */
  readonly path: string;
}

export interface HookscriptRecord {
  /** `unenrolled`: somebody took ours away on purpose, so nothing puts it back by itself. */
  readonly state: 'enrolled' | 'unenrolled';
  readonly former?: Former;
  /** What the guest was told by (`lastingMarks`); absent in a record of the first kind, which says nothing of that. */
  readonly marks?: readonly string[];
}

export type ReadRecord = HookscriptRecord | 'damaged' | undefined;

/** First line, without and with marks; the stub compares it (packaging/deb/proxmox-stub.sh). */
const HEAD = 'ovs-port-agent hookscript 1';
const HEAD_MARKED = 'ovs-port-agent hookscript 2';
const NONE = '-';
const PATH_MAX = 4095;

/** What this is, the state, the former volume id, its file, the guest's marks with blanks between: a line each, `-` for none. */
export function formatRecord({ state, former, marks }: HookscriptRecord): string {
  const lines = [state, former?.volume ?? NONE, former?.path ?? NONE];
  const all = marks === undefined ? [HEAD, ...lines] : [HEAD_MARKED, ...lines, marks.join(' ') || NONE];
  return `${all.join('\n')}\n`;
}

/** Strict: what `formatRecord` cannot have written is damaged. */
export function parseRecord(text: string): HookscriptRecord | 'damaged' {
  const [head, state, volume = '', path = '', ...rest] = text.split('\n');
  if (rest.pop() !== '' || (head !== HEAD && head !== HEAD_MARKED)) return 'damaged';
  if (rest.length !== (head === HEAD ? 0 : 1)) return 'damaged';
  if (state !== 'enrolled' && state !== 'unenrolled') return 'damaged';
  const words = rest[0] === NONE ? [] : rest[0]?.split(' ');
  if (words?.every(isMark) === false) return 'damaged';
  const record: HookscriptRecord = { state, ...(words && { marks: words }) };
  if (volume === NONE && path === NONE) return record;
  const former = { volume, path };
  return isFormer(former) ? { ...record, former } : 'damaged';
}

/** Whether the record was written for the guest that has these marks now. One of the first kind does not tell. */
export function isOfGuest(record: HookscriptRecord, marks: readonly string[]): boolean {
  return record.marks === undefined || isSameGuest(record.marks, marks);
}

/** Whether a former hookscript can be written down so that the stub runs exactly it. */
export function isFormer({ volume, path }: Former): boolean {
  return parseSnippet(volume) !== undefined && isPlainPath(path);
}

/** Absolute, no control characters, none of `//`, `/./`, `/../`. */
export function isPlainPath(path: string): boolean {
  const parts = path.split('/').slice(1);
  const plain = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  return path.startsWith('/') && plain && path.length <= PATH_MAX && !/\p{C}/u.test(path);
}

export function sameRecord(one: ReadRecord, other: ReadRecord): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other;
  return formatRecord(one) === formatRecord(other);
}
