import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowsAll, maskedPorts, serviceMatches } from '../../../../src/netmaker/port-security/services.ts';

const covers = (block: string, port: number) => {
  const [value = 0, mask = 0xffff] = block.split('/').map(Number);
  return (port & mask) === value;
};

describe('a range of ports', () => {
  it('is the fewest masks that hold WireGuard’s ports', () => {
    expect(maskedPorts(51821, 51830)).toEqual([
      '51821',
      '0xca6e/0xfffe',
      '0xca70/0xfffc',
      '0xca74/0xfffe',
      '51830',
    ]);
  });

  it('covers each of its ports once, and no other', () => {
    const port = fc.integer({ min: 1, max: 65535 });
    fc.assert(
      fc.property(port, port, fc.array(port), (one, two, others) => {
        const [first, last] = one < two ? [one, two] : [two, one];
        const blocks = maskedPorts(first, last);
        for (const at of [first, last, first - 1, last + 1, ...others]) {
          const hits = blocks.filter((block) => covers(block, at)).length;
          expect(hits).toBe(at >= first && at <= last ? 1 : 0);
        }
        expect(blocks.length).toBeLessThanOrEqual(30);
      }),
    );
  });

  it('that is everything is fifteen-odd masks, not sixty thousand flows', () => {
    expect(maskedPorts(1, 65535)).toHaveLength(16);
  });
});

describe('a rule', () => {
  it('opens a port for both families', () => {
    expect(serviceMatches(['443/udp', 'icmp', '443/udp'])).toEqual([
      'ip,ct_nw_proto=17,ct_tp_dst=443',
      'ipv6,ct_nw_proto=17,ct_tp_dst=443',
      'ip,ct_nw_proto=1',
      'ipv6,ct_nw_proto=58',
    ]);
  });

  it('for everything needs no tracking', () => {
    expect(allowsAll(['icmp', 'all'])).toBe(true);
    expect(allowsAll(['icmp', '1-65535/tcp'])).toBe(false);
    expect(allowsAll([])).toBe(false);
  });

  it.each([
    '',
    '443',
    '443/sctp',
    '0/tcp',
    '65536/udp',
    '20-10/tcp',
    '443/tcp,actions=ALL',
    ' 443/tcp',
    '1-2-3/tcp',
  ])('%j is refused by name', (rule) => {
    expect(() => serviceMatches([rule])).toThrow(JSON.stringify(rule));
  });
});
