// Reads arguments of the command line; each says what was wrong and what is accepted.

import { AgentError } from '../core/errors.ts';
import { guestNameProblem } from '../core/guest/guest.ts';
import { kernelNameProblem } from '../core/guest/kernel-name.ts';
import { NIC_INDEX_MAX, VMID_MAX, VMID_MIN, vmidFromText } from '../core/guest/vmid.ts';
import { CATEGORIES, type Category, type Head, isCategory } from '../core/ledger/index.ts';

const HEIGHT_MAX = Number.MAX_SAFE_INTEGER;

/** `veth123`: a name that the kernel accepts. */
export function parseInterfaceName(text: string): string {
  return demand(text, kernelNameProblem(text));
}

export function parseGuestName(text: string): string {
  return demand(text, guestNameProblem(text));
}

export function parseVmid(text: string): number {
  const vmid = vmidFromText(text);
  if (vmid === undefined) {
    throw bad(`a VMID is a whole number from ${VMID_MIN} to ${VMID_MAX}, not ${shown(text)}`);
  }
  return vmid;
}

/** The guests a verb is about: VMIDs, `--all`, or (`enroll` only) `--new`; exactly one of the three. */
export function demandGuests<O extends { all?: boolean; new?: boolean }>(
  words: readonly string[],
  options: O,
): number[] | 'all' | (O extends { new?: boolean } ? 'new' : never);
export function demandGuests(
  words: readonly string[],
  { all, new: fresh }: { all?: boolean; new?: boolean },
) {
  const vmids = words.map(parseVmid);
  if ([vmids.length > 0, all, fresh].filter(Boolean).length !== 1) {
    throw bad('say which guests: VMIDs, or --all for every guest of this node');
  }
  if (all) return 'all';
  return fresh ? 'new' : vmids;
}

export function parseNicIndex(text: string): number {
  const nic = wholeNumber(text, NIC_INDEX_MAX);
  if (nic === undefined)
    throw bad(`a NIC index is a whole number from 0 to ${NIC_INDEX_MAX}, not ${shown(text)}`);
  return nic;
}

/** For `-n`: how many. */
export function parseCount(text: string): number {
  const amount = wholeNumber(text, 1_000_000);
  if (amount === undefined) throw bad(`a count is a whole number from 0 to 1000000, not ${shown(text)}`);
  return amount;
}

export interface HeightRange {
  from: number;
  to: number;
}

/** `42`, `40..42`, `40..` or `..42`. */
export function parseHeights(text: string): HeightRange {
  const [, first = '', dots, last = ''] = /^(\d*)(\.\.)?(\d*)$/.exec(text) ?? [];
  const from = first === '' ? 1 : wholeNumber(first, HEIGHT_MAX);
  const to = dots === undefined ? from : last === '' ? HEIGHT_MAX : wholeNumber(last, HEIGHT_MAX);
  if (from === undefined || to === undefined || from < 1 || from > to || first + last === '') {
    throw bad(`heights are HEIGHT or FROM..TO, whole numbers from 1 on, not ${shown(text)}`);
  }
  return { from, to };
}

export function parseCategory(text: string): Category {
  if (isCategory(text)) return text;
  throw bad(`there is no ledger category ${shown(text)}; there are ${CATEGORIES.join(', ')}`);
}

/** `HEIGHT:HASH`, as `ledger verify` prints them. */
export function parseHead(text: string): Head {
  const [, digits = '', hash = ''] = /^#?(\d+)[: ]([0-9a-f]{64})$/.exec(text) ?? [];
  const height = wholeNumber(digits, HEIGHT_MAX);
  if (height === undefined)
    throw bad(`a head is HEIGHT:HASH, the hash 64 hexadecimal digits, not ${shown(text)}`);
  return { height, hash };
}

/** The number that a decimal text is, canonical only. */
function wholeNumber(text: string, max: number): number | undefined {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= max ? value : undefined;
}

function demand(text: string, problem: string | undefined): string {
  if (problem !== undefined) throw bad(problem);
  return text;
}

function bad(message: string): AgentError {
  return new AgentError('bad-argument', `${message.charAt(0).toUpperCase()}${message.slice(1)}`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
