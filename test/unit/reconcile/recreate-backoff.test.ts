// A card that its guest deletes again and again is made anew ever less often; a single loss is mended at once.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DesiredPort } from '../../../src/core/plan/desired.ts';
import {
  backoffUntil,
  made,
  openRecreateBackoff,
  type Streak,
} from '../../../src/reconcile/recreate-backoff.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const LIFE = 'c0ffee/4711';

/** When the card is made if it is lost at these moments: at once, or when it may be; a loss of what is not there is none. */
function healedAt(losses: readonly number[], first?: Streak): number[] {
  let streak = first ?? made(undefined, LIFE, 0);
  const times: number[] = [];
  for (const lost of losses) {
    if (lost < streak.at) continue;
    const at = backoffUntil(streak, LIFE, lost) ?? lost;
    expect(backoffUntil(streak, LIFE, at)).toBeUndefined();
    streak = made(streak, LIFE, at);
    times.push(at);
  }
  return times;
}

const lossesOf = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 2 * SECOND }), fc.integer({ min: 0, max: 8 * MINUTE })), {
    maxLength: 200,
  })
  .map((gaps) => {
    let at = 0;
    return gaps.map((gap) => {
      at += gap;
      return at;
    });
  });

describe('a card that vanishes', () => {
  it('is made anew at once three times, then after 1, 2, 4 … seconds, at most a minute', () => {
    const always = [...Array(4 * 60 * 10).keys()].map((tenth) => tenth * 100);
    const seconds = healedAt(always).map((at) => at / SECOND);
    expect(seconds.slice(0, 11)).toEqual([0, 0.1, 0.2, 1.2, 3.2, 7.2, 15.2, 31.2, 63.2, 123.2, 183.2]);
  });

  it('is not made more than twelve times in any five minutes, whenever it is lost', () => {
    fc.assert(
      fc.property(lossesOf, (losses) => {
        const times = healedAt(losses);
        for (const from of times) {
          const within = times.filter((at) => at >= from && at < from + 5 * MINUTE);
          expect(within.length).toBeLessThanOrEqual(12);
        }
      }),
    );
  });

  it('never waits when it was there for a minute', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: MINUTE, max: 10 * MINUTE }), { maxLength: 50 }), (gaps) => {
        let at = 0;
        const losses = gaps.map((gap) => {
          at += gap;
          return at;
        });
        expect(healedAt(losses)).toEqual(losses);
      }),
    );
  });

  it('is forgiven after five quiet minutes', () => {
    const streak = { life: LIFE, recreations: 12, at: 0 };
    expect(healedAt([5 * MINUTE, 5 * MINUTE, 5 * MINUTE], streak)).toEqual(Array(3).fill(5 * MINUTE));
  });

  it('is not waited for when the guest was started anew', () => {
    const streak = { life: LIFE, recreations: 12, at: 0 };
    expect(backoffUntil(streak, LIFE, 1)).toBe(MINUTE);
    expect(backoffUntil(streak, 'c0ffee/4712', 1)).toBeUndefined();
    expect(made(streak, 'c0ffee/4712', 1)).toEqual({ life: 'c0ffee/4712', recreations: 0, at: 1 });
  });

  it('does not wait for a clock that was put back', () => {
    expect(backoffUntil({ life: LIFE, recreations: 12, at: 10 * MINUTE }, LIFE, 0)).toBeUndefined();
  });
});

describe('cards held back', () => {
  let clock = 0;
  const card = (vmid: number, pid = 4711): DesiredPort => ({
    port: `vi${vmid}`,
    interface: `vi${vmid}`,
    bridge: 'ovsbr1',
    nic: 0,
    guest: { runtime: 'docker', vmid, name: `c${vmid}`, id: `id${vmid}` },
    veth: {
      pid,
      guestInterface: 'ovs0',
      mac: '02:00:00:00:00:01',
      addresses: [],
      gateways: [],
      nameservers: [],
      networks: [],
    },
  });
  const flapping = () => {
    const recreateBackoff = openRecreateBackoff(() => clock);
    for (let time = 0; time < 4; time++) recreateBackoff.note(card(101));
    return recreateBackoff;
  };

  it('say why, and until when', () => {
    clock = 7 * SECOND;
    expect(flapping().recreateBlocker(card(101))).toEqual({
      code: 'card-vanishing',
      reason: 'its card has vanished 4 times in a row while it ran, so it is made anew ever less often',
      until: 8 * SECOND,
    });
  });

  it('delay no other guest', () => {
    expect(flapping().recreateBlocker(card(102))).toBeUndefined();
  });

  it('are told once in a row of losses', () => {
    const recreateBackoff = flapping();
    expect([recreateBackoff.isFirstReport('vi101'), recreateBackoff.isFirstReport('vi101')]).toEqual([
      true,
      false,
    ]);
    recreateBackoff.note(card(101));
    expect(recreateBackoff.isFirstReport('vi101')).toBe(false);
    clock += 5 * MINUTE;
    recreateBackoff.note(card(101));
    expect(recreateBackoff.isFirstReport('vi101')).toBe(true);
  });

  it('are not held any more when a person asks, or the guest has ended', () => {
    const recreateBackoff = flapping();
    recreateBackoff.forget((port) => port === 'vi102');
    expect(recreateBackoff.recreateBlocker(card(101))).toBeDefined();
    recreateBackoff.forget((port) => port === 'vi101');
    expect(recreateBackoff.recreateBlocker(card(101))).toBeUndefined();
    expect(flapping().recreateBlocker(card(101, 4712))).toBeUndefined();
  });
});
