// What a guest's rules have dropped is kept while the guest lives, also when a look and a change cross.

import { describe, expect, it } from 'vitest';
import type { Counts } from '../../../../src/netmaker/port-security/counts.ts';
import { openDropCounts } from '../../../../src/netmaker/port-security/drop-counts.ts';

const VMID = 1_000_001;
const dropped = (arp: number): Counts => ({
  spoofed: { mac: 0, arp, nd: 0, ipv4: 0, ipv6: 0, other: 0 },
  refused: 0,
});
const seen = async (arp: number) => new Map([[VMID, dropped(arp)]]);
const nothing = async () => undefined;

describe('what a guest was seen to forge', () => {
  it('stays when its rules are made anew', async () => {
    const counts = openDropCounts();
    await counts.across(VMID, 'a', nothing, nothing);
    await counts.across(VMID, 'a', async () => dropped(3), nothing);
    await counts.during(() => seen(2));
    expect(counts.of(VMID)).toEqual(dropped(5));
  });

  it('stays when the switch lost its rules', async () => {
    const counts = openDropCounts();
    await counts.during(() => seen(3));
    await counts.during(async () => new Map());
    await counts.across(VMID, 'a', nothing, nothing);
    expect(counts.of(VMID)).toEqual(dropped(3));
  });

  it('is not counted twice when somebody looks while its rules are made anew', async () => {
    const counts = openDropCounts();
    await counts.across(VMID, 'a', nothing, nothing);
    let end: () => void = () => undefined;
    const late = counts.during(async () => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return seen(3);
    });
    await counts.across(
      VMID,
      'a',
      async () => dropped(3),
      async () => void (await counts.during(() => seen(3))),
    );
    end();
    await late;
    await counts.during(() => seen(0));
    expect(counts.of(VMID)).toEqual(dropped(3));
  });

  it('is not the next guest’s of that number', async () => {
    const counts = openDropCounts();
    await counts.across(VMID, 'a', nothing, nothing);
    await counts.during(() => seen(3));
    await counts.across(VMID, 'b', async () => dropped(3), nothing);
    expect(counts.of(VMID)).toEqual(dropped(0));
    await counts.until(VMID, async () => void (await counts.during(() => seen(3))));
    expect(counts.of(VMID)).toBeUndefined();
  });
});
