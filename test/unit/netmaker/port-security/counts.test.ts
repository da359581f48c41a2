// What was dropped stays dropped: the counts of a port never go back, however often its rules are made anew.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Carried,
  type Counts,
  looked,
  NONE_YET,
  remade,
  total,
} from '../../../../src/netmaker/port-security/counts.ts';

const countsOf = (arp: number, refused = 0): Counts => ({
  spoofed: { mac: 0, arp, nd: 0, ipv4: 0, ipv6: 0, other: 0 },
  refused,
});

/** What happens to a port: frames are dropped, somebody looks, the rules are made anew with or without a last look. */
type Event = { dropped: number } | 'look' | 'remake' | 'remake unseen' | 'vanish';
const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    fc.record({ dropped: fc.nat(9) }),
    fc.constantFrom<Event>('look', 'remake', 'remake unseen', 'vanish'),
  ),
);

describe('counts of dropped frames', () => {
  it('go on when rules are made anew', () => {
    const carried = looked(remade(NONE_YET, countsOf(3, 1)), countsOf(2));
    expect(total(carried)).toEqual(countsOf(5, 1));
  });

  it('go on when rules were made anew and nobody said so', () => {
    expect(total(looked(looked(NONE_YET, countsOf(3)), countsOf(1)))).toEqual(countsOf(4));
  });

  it('keep what was seen of rules that could not be looked at any more', () => {
    expect(total(remade(looked(NONE_YET, countsOf(3)), undefined))).toEqual(countsOf(3));
  });

  it('never go back, never exceed what was dropped, and are exact where each change was seen', () => {
    fc.assert(
      fc.property(events, (happened) => {
        let carried: Carried = NONE_YET;
        let [shown, now, dropped] = [0, 0, 0];
        let isExact = true;
        for (const event of happened) {
          if (typeof event === 'object') {
            now += event.dropped;
            dropped += event.dropped;
          } else if (event === 'look') carried = looked(carried, countsOf(now));
          else if (event === 'vanish') {
            now = 0;
            isExact = false;
          } else {
            carried = remade(carried, event === 'remake' ? countsOf(now) : undefined);
            if (event !== 'remake') isExact = false;
            now = 0;
          }
          const says = total(carried).spoofed.arp;
          expect(says).toBeGreaterThanOrEqual(shown);
          expect(says).toBeLessThanOrEqual(dropped);
          shown = says;
        }
        if (isExact) expect(total(looked(carried, countsOf(now)))).toEqual(countsOf(dropped));
      }),
    );
  });
});
