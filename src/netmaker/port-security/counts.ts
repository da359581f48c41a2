// What the rules of one port dropped, over all the times that they were made: counters of new rules begin at nothing.

import type { InstalledPortSecurity } from './installed.ts';

export type Counts = Pick<InstalledPortSecurity, 'spoofed' | 'refused'>;

export interface Carried {
  /** By rules that are gone. */
  former: Counts;
  /** By those that are there, when they were last looked at. */
  last: Counts;
}

const NOTHING: Counts = { spoofed: { mac: 0, arp: 0, nd: 0, ipv4: 0, ipv6: 0, other: 0 }, refused: 0 };
export const NONE_YET: Carried = { former: NOTHING, last: NOTHING };

/** After a look. A count that went back tells that the rules were made anew and nobody said so. */
export function looked(carried: Carried, now: Counts): Carried {
  const isBack = merged(carried.last, now, (last, next) => Number(next < last));
  const isAnew = isBack.refused + sum(isBack.spoofed) > 0;
  return { former: isAnew ? total(carried) : carried.former, last: now };
}

/** Before the rules are made anew; `now` is what they count, where that is known. */
export function remade(carried: Carried, now: Counts | undefined): Carried {
  return { former: total(now === undefined ? carried : looked(carried, now)), last: NOTHING };
}

export function total({ former, last }: Carried): Counts {
  return merged(former, last, (one, other) => one + other);
}

type Merge = (one: number, other: number) => number;

function merged(
  { spoofed: a, refused }: Counts,
  { spoofed: b, refused: others }: Counts,
  merge: Merge,
): Counts {
  return {
    spoofed: {
      mac: merge(a.mac, b.mac),
      arp: merge(a.arp, b.arp),
      nd: merge(a.nd, b.nd),
      ipv4: merge(a.ipv4, b.ipv4),
      ipv6: merge(a.ipv6, b.ipv6),
      other: merge(a.other, b.other),
    },
    refused: merge(refused, others),
  };
}

const sum = (spoofed: Counts['spoofed']) => Object.values(spoofed).reduce((all, one) => all + one, 0);
