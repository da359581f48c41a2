import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judge, type Probed } from '../../../../src/netmaker/stun/judge.ts';

const LEASED = ['203.0.113.7'];
const server = { host: '198.51.100.1', port: 3478, onHost: false };
const probe = (seen: Partial<Probed>): Probed => ({
  family: 4,
  server,
  seen: { asked: true, told: true },
  ...seen,
});
const judged = (seen: Partial<Probed>, leased = LEASED) => judge({ leased, probe: probe(seen) });

describe('a container', () => {
  it('is public when it is seen under the leased address that it sends from', () => {
    expect(judged({ local: '203.0.113.7', mapped: '203.0.113.7', rttMs: 1 })).toEqual({
      verdict: 'public',
      mapped: '203.0.113.7',
      local: '203.0.113.7',
      reason: 'Seen as 203.0.113.7, its own address',
    });
  });

  it('is public exactly when all three are the same', () => {
    const address = fc.constantFrom('203.0.113.7', '203.0.113.8', '172.17.0.2');
    fc.assert(
      fc.property(address, address, fc.uniqueArray(address, { minLength: 1 }), (local, mapped, leased) => {
        const isPublic = local === mapped && leased.includes(local);
        expect(judged({ local, mapped }, leased).verdict).toBe(isPublic ? 'public' : 'behind_nat');
      }),
    );
  });

  it.each([
    [undefined, 'this host could not watch'],
    [{ asked: false, told: false }, 'no such question has passed'],
    [{ asked: false, told: true }, 'no such question has passed'],
    [{ asked: true, told: false }, 'no answer of that kind'],
  ] as const)('that nobody but itself has heard is not proven to be: %j', (seen, reason) => {
    const own = { family: 4, server, local: '203.0.113.7', mapped: '203.0.113.7' } as const;
    const judgement = judge({ leased: LEASED, probe: { ...own, ...(seen && { seen }) } });
    expect(judgement.verdict).toBe('unproven');
    expect(judgement.reason).toContain(reason);
  });

  it('that the host itself answered is told how little that proves', () => {
    const onHost = { ...server, onHost: true };
    const { verdict, reason } = judged({ local: '203.0.113.7', mapped: '203.0.113.7', server: onHost });
    expect(verdict).toBe('public');
    expect(reason).toContain('the server is on this host');
  });

  it.each([
    ['203.0.113.7', '192.0.2.1', 'Sent from 203.0.113.7, seen as 192.0.2.1: NAT on the way'],
    ['172.17.0.2', '192.0.2.1', 'not from 203.0.113.7: its route leads through another interface'],
    ['172.17.0.2', '172.17.0.2', 'Sent from 172.17.0.2, not from 203.0.113.7'],
    ['10.218.0.7', '203.0.113.7', 'translated one to one; to a netclient, set ENDPOINT=203.0.113.7'],
  ])('that sends from %s and is seen as %s is behind NAT, and told why', (local, mapped, reason) => {
    const judgement = judged({ local, mapped });
    expect(judgement.verdict).toBe('behind_nat');
    expect(judgement.reason).toContain(reason);
  });

  it.each([
    [{ why: 'no-route', failure: 'cannot be sent to (ENETUNREACH)' }, 'no default route'],
    [{ why: 'refused', failure: 'nobody listens there', local: '203.0.113.7' }, 'nobody listens'],
    [{ why: 'silent', failure: 'no answer', local: '203.0.113.7' }, 'nothing leads back'],
    [{ why: 'silent', failure: 'no answer', local: '172.17.0.2' }, 'sends from 172.17.0.2, not 203.0.113.7'],
    [{ why: 'answer', failure: 'answered with error 401' }, 'error 401'],
    [{ why: 'no-probe', failure: 'The probe failed' }, 'The probe failed'],
  ] as const)('without an answer is unreachable, and told why: %j', (seen, reason) => {
    const judgement = judged(seen);
    expect(judgement.verdict).toBe('unreachable');
    expect(judgement.reason).toContain(reason);
    expect(judgement.reason).not.toMatch(/undefined|\n/);
  });

  it('without an address, or without a server of its family, is not public', () => {
    expect(judge({ leased: [] }).verdict).toBe('no-address');
    expect(judge({ leased: ['2001:db8::7'] })).toMatchObject({
      verdict: 'unreachable',
      reason: 'There is no STUN server to ask over IPv6: set stun_server or responder in [netmaker]',
    });
  });
});
