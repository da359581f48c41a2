// What is known of a guest's hookscript beside its configuration: one small text, which the hook's shell stub reads as well.

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
}

export type ReadRecord = HookscriptRecord | 'damaged' | undefined;

/** First line; the stub compares it (packaging/deb/proxmox-stub.sh). */
const HEAD = 'ovs-port-agent hookscript 1';
const NONE = '-';
const PATH_MAX = 4095;

/** Four lines: what this is, the state, the former volume id, its file; `-` for none. */
export function formatRecord({ state, former }: HookscriptRecord): string {
  return `${[HEAD, state, former?.volume ?? NONE, former?.path ?? NONE].join('\n')}\n`;
}

/** Strict: what `formatRecord` cannot have written is damaged. */
export function parseRecord(text: string): HookscriptRecord | 'damaged' {
  const [head, state, volume = '', path = '', end, ...more] = text.split('\n');
  if (head !== HEAD || end !== '' || more.length > 0) return 'damaged';
  if (state !== 'enrolled' && state !== 'unenrolled') return 'damaged';
  if (volume === NONE && path === NONE) return { state };
  const former = { volume, path };
  return isFormer(former) ? { state, former } : 'damaged';
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
