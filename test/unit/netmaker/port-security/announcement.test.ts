import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseIp } from '../../../../src/core/lib/cidr.ts';
import { announcements } from '../../../../src/netmaker/port-security/announcement.ts';

const MAC = '0a:00:00:00:00:07';
const hex = (address: string) => announcements(MAC, address).map((frame) => frame.toString('hex'));

describe('the announcement of an IPv4 address', () => {
  it('is a gratuitous request and a gratuitous reply, to everybody', () => {
    const padding = '00'.repeat(18);
    expect(hex('203.0.113.7')).toEqual([
      `ffffffffffff0a0000000007080600010800060400010a0000000007cb007107000000000000cb007107${padding}`,
      `ffffffffffff0a0000000007080600010800060400020a0000000007cb0071070a0000000007cb007107${padding}`,
    ]);
  });
});

describe('the announcement of an IPv6 address', () => {
  it('is an unsolicited neighbour advertisement that overrides, to all nodes', () => {
    expect(hex('2001:db8::7')).toEqual([
      '3333000000010a000000000786dd6000000000203aff' +
        '20010db8000000000000000000000007ff020000000000000000000000000001' +
        '8800f1182000000020010db800000000000000000000000702010a0000000007',
    ]);
  });

  it('has a checksum that receivers accept, whatever the address', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.uint8Array({ minLength: 5, maxLength: 5 }), (text, tail) => {
        const mac = ['02', ...[...tail].map((octet) => octet.toString(16).padStart(2, '0'))].join(':');
        const address = parseIp(text)?.text;
        fc.pre(address !== undefined);
        const [frame = Buffer.alloc(0)] = announcements(mac, address ?? '');
        expect(onesComplementSum(frame)).toBe(0xffff);
      }),
    );
  });
});

it('announces nothing that is no address, and no group as the holder of one', () => {
  expect(() => announcements(MAC, '203.0.113.7/24')).toThrow(/not an address/);
  expect(() => announcements('01:00:5e:00:00:01', '203.0.113.7')).toThrow(/not the MAC of a card/);
  expect(() => announcements('0a:00:00:00:00:07,actions=ALL', '203.0.113.7')).toThrow(/not the MAC/);
});

/** What a receiver adds up (RFC 1071): pseudo-header and message with its checksum give all ones. */
function onesComplementSum(frame: Buffer): number {
  const message = frame.subarray(54);
  let sum = message.length + 58;
  for (let at = 22; at < frame.length; at += 2) sum += frame.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
