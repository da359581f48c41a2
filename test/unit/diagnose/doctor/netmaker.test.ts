// Promises about what doctor says of Netmaker's pools.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../src/core/config/parse-config.ts';
import { examine } from '../../../../src/diagnose/doctor/examine.ts';
import { healthy } from './healthy.ts';

function findings(netmaker: string, hasNetmakerLease = true) {
  const inForce = parseConfig(`[netmaker]\n${netmaker}`, 'config.toml').config;
  return examine(healthy({ inForce, hasNetmakerLease })).filter(({ group }) => group === 'Netmaker');
}

describe('documentation ranges', () => {
  it('are warned of once a container has an address', () => {
    expect(findings('pools = ["203.0.113.0/24", "192.88.98.0/24", "2001:db8::/64"]')).toEqual([
      {
        group: 'Netmaker',
        check: 'pools',
        state: 'warn',
        text: expect.stringMatching(/^203\.0\.113\.0\/24, 2001:db8::\/64 are for documentation/),
        remedy: expect.stringContaining('set pools in [netmaker]'),
      },
    ]);
  });

  it('are nothing to speak of where no container has an address, or Netmaker is left out', () => {
    expect(findings('', false)).toEqual([]);
    expect(findings('enabled = false')).toEqual([]);
  });

  it('are told to be none', () => {
    expect(findings('pools = ["192.88.98.0/24"]')).toMatchObject([{ state: 'pass' }]);
  });
});
