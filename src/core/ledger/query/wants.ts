// What may be asked of blocks: each a test of the block, the keys of the index that lead to it, and bytes that its line must hold; pure.

import { matchesGlob } from '../../lib/glob.ts';
import { objectOf, textOf } from '../../lib/json-value.ts';
import type { HashedBlock } from '../block.ts';
import { canonicalString } from '../canonical.ts';
import type { Category } from '../categories.ts';
import { actorsOf, guestNamesOf, portsOf, vmidsOf } from '../index-files/subjects.ts';
import { CONTAINER_DIGITS, isContainerId, keyOf, keyOfHash } from '../index-files/terms.ts';

/** One thing asked. Whatever `fits` has one of `keys` in the index, and one of `needles` in its canonical line. */
export interface Want {
  fits(block: HashedBlock): boolean;
  /** Undefined: the index does not know; `actions` may help then. */
  keys?: readonly number[];
  /** For a pattern: whether an action is meant. The index has a list of the actions of each of its runs. */
  isAction?: (action: string) => boolean;
  /** Undefined: each line must be looked at. */
  needles?: readonly Buffer[];
  /** The needles are of a line's frame, which has no second form: a framed line without one cannot fit, however its block is written. */
  isOfFrame?: true;
  /** The highest height that is meant as a cause: runs in which all causes are later are passed over. */
  highestCause?: number;
  /** How few blocks it usually leaves: the smallest is looked for first. */
  rank: number;
}

const needle = (text: string) => Buffer.from(text);

/** A text as a value in canonical JSON; what looks like a number may stand as one. */
function valueNeedles(text: string): Buffer[] {
  return [needle(canonicalString(text)), ...(String(Number(text)) === text ? [needle(`:${text}`)] : [])];
}

export function wantHash(digits: string): Want {
  return {
    fits: ({ hash }) => hash.startsWith(digits),
    keys: [keyOfHash(digits)],
    needles: [needle(`,"hash":"${digits}`)],
    isOfFrame: true,
    rank: 0,
  };
}

/** To look for more texts than this in a line costs more than to parse it. */
const NEEDLES_MAX = 32;

/** Blocks that one of these led to. */
export function wantCauses(heights: ReadonlySet<number>): Want {
  const all = [...heights];
  return {
    fits: ({ cause }) => cause !== null && heights.has(cause),
    keys: all.map((height) => keyOf('cause', height)),
    ...(all.length <= NEEDLES_MAX && { needles: all.map((height) => needle(`"cause":${height},`)) }),
    highestCause: all.reduce((highest, height) => Math.max(highest, height), 0),
    rank: 1,
  };
}

/** Any of these actions. */
export function wantActions(actions: readonly string[]): Want {
  const wanted = new Set(actions);
  return {
    fits: ({ action }) => wanted.has(action),
    keys: actions.map((action) => keyOf('action', action)),
    needles: actions.map((action) => needle(`{"block":{"action":"${action}"`)),
    rank: 4,
  };
}

export function wantVmid(vmid: number): Want {
  return {
    fits: (block) => vmidsOf(block).includes(vmid),
    keys: [keyOf('vmid', vmid)],
    needles: vmidNeedles(vmid),
    rank: 2,
  };
}

export function wantPort(port: string): Want {
  return {
    fits: (block) => portsOf(block).includes(port),
    keys: [keyOf('port', port)],
    needles: valueNeedles(port),
    rank: 2,
  };
}

/** Blocks that name this port, this number or this guest; `fits` decides which of them are meant. */
export function wantAbout(
  { port, vmid, name }: { port: string; vmid: number; name?: string | undefined },
  fits: (block: HashedBlock) => boolean,
): Want {
  return {
    fits,
    keys: [keyOf('port', port), keyOf('vmid', vmid), ...(name === undefined ? [] : [keyOf('guest', name)])],
    needles: [...valueNeedles(port), ...vmidNeedles(vmid), ...(name === undefined ? [] : valueNeedles(name))],
    rank: 2,
  };
}

/** Blocks about a guest by any of its names, its container's id, or one of these numbers; `fits` decides which of them are. */
export function wantGuest(
  name: string,
  vmids: readonly number[],
  fits: (block: HashedBlock) => boolean = (block) => isNamed(block, name),
): Want {
  return {
    fits,
    keys: [
      keyOf('guest', name),
      keyOf('container', name.slice(0, CONTAINER_DIGITS)),
      ...vmids.map((vmid) => keyOf('vmid', vmid)),
    ],
    needles: [
      ...valueNeedles(name),
      needle(`"container_id":${canonicalString(name).slice(0, -1)}`),
      ...vmids.flatMap(vmidNeedles),
    ],
    rank: 3,
  };
}

function isNamed(block: HashedBlock, name: string): boolean {
  return (
    guestNamesOf(block).includes(name) ||
    (isContainerId(name) && textOf(objectOf(block.data), 'container_id')?.startsWith(name) === true)
  );
}

// A number may stand as text, and ports carry it in their names.
const vmidNeedles = (vmid: number) => [`"vmid":${vmid}`, `"vmid":"${vmid}"`, `"vi${vmid}`].map(needle);

/** An action, or a pattern with `*`. */
export function wantAction(pattern: string): Want {
  const isExact = !/[*?]/.test(pattern);
  const [literal = ''] = /^[A-Za-z0-9_.:-]*/.exec(pattern) ?? [];
  return {
    fits: ({ action }) => matchesGlob(pattern, action),
    ...(isExact
      ? { keys: [keyOf('action', pattern)] }
      : { isAction: (action: string) => matchesGlob(pattern, action) }),
    needles: [needle(`{"block":{"action":"${literal}${isExact ? '"' : ''}`)],
    rank: 4,
  };
}

export function wantActor(who: string): Want {
  return {
    fits: (block) => actorsOf(block).includes(who),
    keys: [keyOf('actor', who)],
    needles: valueNeedles(who),
    rank: 5,
  };
}

export function wantPid(pid: number): Want {
  return {
    fits: (block) => block.pid === pid,
    keys: [keyOf('pid', pid)],
    needles: [needle(`"pid":${pid},`)],
    rank: 5,
  };
}

export const wantCategory = (category: Category): Want => wantCategories([category]);

/** Any of these categories; none that is not there. */
export function wantCategories(categories: readonly string[]): Want {
  return {
    fits: ({ category }) => categories.includes(category),
    keys: categories.map((category) => keyOf('category', category)),
    needles: categories.map((category) => needle(`"category":"${category}"`)),
    rank: 6,
  };
}
