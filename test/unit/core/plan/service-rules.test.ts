// Promises about rules such as 51821-51830/udp.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseServiceRule, serviceRuleProblem } from '../../../../src/core/plan/service-rules.ts';

describe('a service rule', () => {
  it.each([
    ['all', { kind: 'all' }],
    ['icmp', { kind: 'icmp' }],
    ['443/udp', { kind: 'ports', protocol: 'udp', first: 443, last: 443 }],
    ['51821-51830/tcp', { kind: 'ports', protocol: 'tcp', first: 51_821, last: 51_830 }],
    ['1-65535/tcp', { kind: 'ports', protocol: 'tcp', first: 1, last: 65_535 }],
    ['7-7/udp', { kind: 'ports', protocol: 'udp', first: 7, last: 7 }],
  ])('%s is read', (text, rule) => {
    expect(parseServiceRule(text)).toEqual(rule);
    expect(serviceRuleProblem(text)).toBeUndefined();
  });

  it.each([
    '',
    'ALL',
    'any',
    '443',
    '443/sctp',
    '0/udp',
    '65536/tcp',
    '00443/tcp',
    '5-4/udp',
    '1-99999/udp',
    '443/udp ',
    ' 443/udp',
    '443/udp\n',
    '-1/udp',
    '1-/udp',
    '1-2-3/udp',
    '4e2/udp',
    '443:udp',
    '٤٤٣/udp',
  ])('%j is refused with what is accepted', (text) => {
    expect(parseServiceRule(text)).toBeUndefined();
    expect(serviceRuleProblem(text)).toContain('must be "all", "icmp", PORT/udp');
  });

  it('holds for every pair of ports in order and for no other', () => {
    const number = fc.integer({ min: 0, max: 70_000 });
    fc.assert(
      fc.property(number, number, fc.constantFrom('tcp', 'udp'), (first, last, protocol) => {
        const isRule = first >= 1 && first <= last && last <= 65_535;
        expect(parseServiceRule(`${first}-${last}/${protocol}`)).toEqual(
          isRule ? { kind: 'ports', protocol, first, last } : undefined,
        );
      }),
    );
  });

  it('is shown short and in one line when it is wrong', () => {
    expect(serviceRuleProblem('x\n'.repeat(5000))).toMatch(/^[^\n]{1,200}$/);
  });
});
