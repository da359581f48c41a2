// What `status` says of Netmaker's containers, and when the journal is told of a pool that nobody can reach.

import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/core/config/parse-config.ts';
import { openWarning, summarize } from '../../../src/netmaker/summary.ts';

const DOCUMENTATION = ['203.0.113.0/24'];
const OWN = ['100.64.7.0/24'];
const configWith = (toml: string) => parseConfig(toml, 'config.toml').config;
const none = { addresses: 0, withdrawn: false, published: 0, pendingRetry: undefined, hints: [] };

describe('the summary for the status', () => {
  it('has every key, also while there is nothing to say', () => {
    expect(summarize({ config: configWith(''), ...none })).toEqual({
      enabled: true,
      mode: 'routed',
      pools: DOCUMENTATION,
      addresses: 0,
      withdrawn: false,
      published: 0,
      warning: null,
      problem: null,
      problem_code: null,
      hints: [],
    });
  });

  it('warns of the default pool as soon as somebody has an address of it, and not before', () => {
    const config = configWith('');
    expect(summarize({ config, ...none })).toMatchObject({ warning: null });
    expect(summarize({ config, ...none, addresses: 1 })).toMatchObject({
      warning: expect.stringContaining('203.0.113.0/24 is for documentation'),
    });
  });

  it('does not warn of addresses that can be reached', () => {
    const config = configWith('[netmaker]\npools = ["100.64.7.0/24"]');
    expect(summarize({ config, ...none, addresses: 5 })).toMatchObject({ warning: null });
  });

  it('tells what keeps the host from being the gateway', () => {
    const pendingRetry = { code: 'gateway-failed', reason: 'The host could not be made the gateway' };
    expect(summarize({ config: configWith(''), ...none, pendingRetry })).toMatchObject({
      problem: pendingRetry.reason,
      problem_code: pendingRetry.code,
    });
  });

  it.each(['[netmaker]\nenabled = false', '[docker]\nenabled = false'])('is off with %s', (toml) => {
    expect(summarize({ config: configWith(toml), ...none })).toMatchObject({ enabled: false });
  });
});

describe('the warning in the journal', () => {
  const saidBy = (pools: string[], ...counts: number[]) => {
    const said: string[] = [];
    const warn = openWarning(pools, (text) => said.push(text));
    for (const count of counts) warn(count);
    return said;
  };

  it('comes with the first address, once', () => {
    expect(saidBy(DOCUMENTATION, 0, 0)).toEqual([]);
    expect(saidBy(DOCUMENTATION, 0, 1, 2, 0, 1)).toHaveLength(1);
  });

  it('does not come for pools that can be reached', () => {
    expect(saidBy(OWN, 1, 2)).toEqual([]);
  });
});
