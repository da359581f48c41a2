import { describe, expect, it } from 'vitest';
import {
  meterId,
  metersOf,
  meterText,
  parseMeterIds,
} from '../../../../src/netmaker/port-security/meters.ts';
import { guardedPort } from './port.ts';

describe('meters', () => {
  it('are there for the directions that have a rate', () => {
    expect(metersOf(guardedPort())).toEqual([]);
    expect(metersOf(guardedPort({ rateOut: 10_000 })).map(meterText)).toEqual([
      'meter=65551,kbps,burst,stats,band=type=drop,rate=10000,burst_size=8000',
    ]);
  });

  it('let one large packet through at the lowest rate', () => {
    expect(metersOf(guardedPort({ rateIn: 1 }))[0]?.burst).toBeGreaterThan((65536 * 8) / 1000);
  });

  it('have numbers that the kernel’s datapath takes, and no two ports the same', () => {
    expect(meterId(0xfeff, 'out')).toBeLessThan(200_000);
    expect(new Set([meterId(1, 'in'), meterId(1, 'out'), meterId(2, 'in'), meterId(2, 'out')]).size).toBe(4);
  });

  it('are found among those of others', () => {
    const text =
      'OFPST_METER_CONFIG reply (OF1.4) (xid=0x2):\nmeter=1 pktps bands=\ntype=drop rate=1\n\nmeter=65551 kbps burst stats bands=\ntype=drop rate=10000 burst_size=8000\n';
    expect(parseMeterIds(text)).toEqual(new Set([1, 65551]));
  });
});
