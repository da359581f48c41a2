import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sourceKey, tokenBuckets } from '../../../../src/core/lib/token-buckets.ts';
import { ipReply } from '../../../../src/netmaker/stun/ip-reply.ts';
import { waitsBetweenSends } from '../../../../src/netmaker/stun/retransmission.ts';
import { parseStunServer } from '../../../../src/netmaker/stun/server.ts';

describe('the retransmissions', () => {
  it('are those of RFC 8489 6.2.1', () => {
    expect(waitsBetweenSends(60_000)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 8000]);
  });

  it('never outlast the deadline', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 39_500 }), (deadline) => {
        expect(waitsBetweenSends(deadline).reduce((sum, wait) => sum + wait, 0)).toBe(deadline);
      }),
    );
  });
});

describe('a token bucket', () => {
  it('gives nobody more than burst and refill together', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 500 })), (steps) => {
        const take = tokenBuckets({ perSecond: 10, burst: 5, sources: 8 });
        let [now, spent, elapsed] = [0, 0, 0];
        for (const step of steps) {
          now += step;
          elapsed += Math.max(0, step);
          if (take('a', now)) spent += 1;
        }
        expect(spent).toBeLessThanOrEqual(5 + elapsed / 100);
      }),
    );
  });

  it('lets one source not spend what another has', () => {
    const take = tokenBuckets({ perSecond: 1, burst: 1, sources: 8 });
    expect([take('a', 0), take('a', 0), take('b', 0), take('a', 999), take('a', 2000)]).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('forgets who was quiet longest, not who asks', () => {
    const take = tokenBuckets({ perSecond: 0, burst: 1, sources: 2 });
    for (const source of ['busy', 'quiet', 'busy', 'new']) take(source, 0);
    expect([take('busy', 0), take('quiet', 0)]).toEqual([false, true]);
  });

  it('is one for all of an IPv6 subnet', () => {
    expect(sourceKey('192.0.2.1')).toBe('192.0.2.1');
    expect(sourceKey('2001:db8::1')).toBe(sourceKey('2001:db8:0:0:ffff::2'));
    expect(sourceKey('2001:db8:0:1::1')).not.toBe(sourceKey('2001:db8::1'));
    expect(sourceKey('fe80::1%ovsbr1')).toBe(sourceKey('fe80::2'));
  });
});

describe('the /ip responder', () => {
  it.each(['/', '/ip', '/ip?format=text'])('tells the caller its address at %s', (url) => {
    expect(ipReply('GET', url, '203.0.113.7')).toMatchObject({ status: 200, body: '203.0.113.7\n' });
  });

  it('has nothing else', () => {
    expect(ipReply('GET', '/ip/..', '203.0.113.7').status).toBe(404);
    expect(ipReply('GET', undefined, '203.0.113.7').status).toBe(404);
    expect(ipReply('POST', '/ip', '203.0.113.7').status).toBe(405);
  });
});

describe('a STUN server', () => {
  it.each([
    ['stun.example.net', 'stun.example.net', 3478],
    ['stun.example.net:19302', 'stun.example.net', 19302],
    ['192.0.2.1:3479', '192.0.2.1', 3479],
    ['[2001:db8::1]:3479', '2001:db8::1', 3479],
    ['2001:db8::1', '2001:db8::1', 3478],
    ['[fe80::1%ovsbr1]:3478', 'fe80::1%ovsbr1', 3478],
  ])('is read from %s', (text, host, port) => {
    expect(parseStunServer(text)).toEqual({ host, port });
  });

  it.each(['', ':3478', 'host:0', 'host:65536', 'a b', '[host]:1', '-x', 'http://host', 'host:1:2', 'a..b'])(
    'is not read from %j',
    (text) => {
      expect(() => parseStunServer(text)).toThrow('A STUN server is HOST:PORT');
    },
  );
});
