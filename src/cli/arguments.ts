// Reads arguments of the command line; each says what was wrong and what is accepted.

import { guestNameProblem } from '../core/guest/guest.ts';
import { NIC_INDEX_MAX, VMID_MAX, VMID_MIN, vmidFromText } from '../core/guest/vmid.ts';
import { CATEGORIES, type Category, type Head, isCategory } from '../core/ledger/index.ts';
import { bridgeNameProblem, kernelNameProblem } from '../core/lib/device-name.ts';
import { AgentError } from '../core/lib/errors.ts';
import { quoted } from '../core/lib/quoted.ts';

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
    throw bad(`a VMID is a whole number from ${VMID_MIN} to ${VMID_MAX}, not ${quoted(text, 40)}`);
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
    throw bad(`a NIC index is a whole number from 0 to ${NIC_INDEX_MAX}, not ${quoted(text, 40)}`);
  return nic;
}

/** For `-n`: how many. */
export function parseCount(text: string): number {
  const amount = wholeNumber(text, 1_000_000);
  if (amount === undefined) throw bad(`a count is a whole number from 0 to 1000000, not ${quoted(text, 40)}`);
  return amount;
}

/** Seconds between two looks. */
export function parseSeconds(text: string): number {
  const seconds = wholeNumber(text, 86_400);
  if (seconds === undefined || seconds === 0)
    throw bad(`an interval is a whole number of seconds from 1 to 86400, not ${quoted(text, 40)}`);
  return seconds;
}

export function parseBridge(text: string): string {
  return demand(text, bridgeNameProblem(text));
}

const VLAN_MAX = 4094;

export function parseTag(text: string): number {
  const tag = wholeNumber(text, VLAN_MAX);
  if (tag === undefined || tag === 0)
    throw bad(`a VLAN is a whole number from 1 to ${VLAN_MAX}, not ${quoted(text, 40)}`);
  return tag;
}

/** `20,30-39`, in rising order and once each. */
export function parseTrunks(text: string): number[] {
  const tags = text.split(',').flatMap((part) => {
    const [first = '', last = first, ...more] = part.split('-');
    const [from, to] = [parseTag(first), parseTag(last)];
    if (from > to || more.length > 0) throw bad(`trunks are VLANs such as 20,30-39, not ${quoted(text, 40)}`);
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
  return [...new Set(tags)].sort((a, b) => a - b);
}

export function parseMtu(text: string): number {
  const mtu = wholeNumber(text, 65_521);
  if (mtu === undefined || mtu < 68)
    throw bad(`an MTU is a whole number from 68 to 65521, not ${quoted(text, 40)}`);
  return mtu;
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
    throw bad(`heights are HEIGHT or FROM..TO, whole numbers from 1 on, not ${quoted(text, 40)}`);
  }
  return { from, to };
}

/** `42`, also as it is printed: `#42`. */
export function parseHeight(text: string): number {
  const height = wholeNumber(text.replace(/^#/, ''), HEIGHT_MAX);
  if (height === undefined || height < 1)
    throw bad(`a height is a whole number from 1 on, not ${quoted(text, 40)}`);
  return height;
}

export function parseCategory(text: string): Category {
  if (isCategory(text)) return text;
  throw bad(`there is no ledger category ${quoted(text, 40)}; there are ${CATEGORIES.join(', ')}`);
}

/** The first digits of a block's hash, at least 8 of the 64. */
export function parseHash(text: string): string {
  const digits = text.toLowerCase();
  if (/^[0-9a-f]{8,64}$/.test(digits)) return digits;
  throw bad(`a hash is 64 hexadecimal digits, or the first 8 and more of them, not ${quoted(text, 80)}`);
}

export function parsePid(text: string): number {
  const pid = wholeNumber(text, 0xffff_ffff);
  if (pid === undefined) throw bad(`a process id is a whole number, not ${quoted(text, 40)}`);
  return pid;
}

/** `HEIGHT:HASH`, as `ledger verify` prints them. */
export function parseHead(text: string): Head {
  const [, digits = '', hash = ''] = /^#?(\d+)[: ]([0-9a-f]{64})$/.exec(text) ?? [];
  const height = wholeNumber(digits, HEIGHT_MAX);
  if (height === undefined)
    throw bad(`a head is HEIGHT:HASH, the hash 64 hexadecimal digits, not ${quoted(text, 40)}`);
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
