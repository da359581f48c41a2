// Who drives a bridge: its owner, and nobody takes it over unasked.

import { describe, expect, it } from 'vitest';
import { chooseDriver, type SwitchFacts } from '../../../../src/core/plan/driver-choice.ts';
import { NM_UUID_KEY, type ObservedBridge } from '../../../../src/core/plan/observed.ts';

const ofNetworkManager: ObservedBridge = {
  name: 'br',
  datapathType: 'system',
  externalIds: { [NM_UUID_KEY]: 'U' },
};
const ofOthers: ObservedBridge = { name: 'br', datapathType: 'system', externalIds: {} };

function choose(bridge: ObservedBridge | undefined, more: Partial<SwitchFacts> = {}, isLinux = false) {
  const facts: SwitchFacts = {
    configured: 'auto',
    presence: { networkmanager: 'ready' },
    declared: new Set(),
    ...more,
  };
  const choice = chooseDriver('br', bridge, isLinux, facts);
  return 'driver' in choice ? choice.driver : choice.obstacle.code;
}

describe('a bridge that is there', () => {
  it('is driven by NetworkManager when NetworkManager owns it, else in OVSDB', () => {
    expect(choose(ofNetworkManager)).toBe('networkmanager');
    expect(choose(ofOthers)).toBe('ovsdb');
  });

  it('of NetworkManager waits for it, and is not taken over while it is away', () => {
    expect(choose(ofNetworkManager, { presence: { networkmanager: 'expected' } })).toBe(
      'networkmanager-unavailable',
    );
    expect(choose(ofNetworkManager, { presence: { networkmanager: 'unable' } })).toBe(
      'networkmanager-without-ovs',
    );
  });

  it('is driven as the configuration says, where that is possible', () => {
    expect(choose(ofNetworkManager, { configured: 'ovsdb' })).toBe('ovsdb');
    expect(choose(ofOthers, { configured: 'networkmanager' })).toBe('bridge-not-ours');
  });
});

describe('a bridge that is missing', () => {
  it('is made by NetworkManager where that can do Open vSwitch, else in OVSDB', () => {
    expect(choose(undefined)).toBe('networkmanager');
    expect(choose(undefined, { presence: { networkmanager: 'unable' } })).toBe('ovsdb');
  });

  it('waits for a NetworkManager that could make it and does not run', () => {
    expect(choose(undefined, { presence: { networkmanager: 'expected' } })).toBe(
      'networkmanager-unavailable',
    );
    expect(choose(undefined, { presence: { networkmanager: 'expected' }, configured: 'ovsdb' })).toBe(
      'ovsdb',
    );
  });

  it('is not given to NetworkManager when ifupdown declares it', () => {
    expect(choose(undefined, { declared: new Set(['br']) })).toBe('ovsdb');
  });

  it('is not made beside a Linux bridge of the name', () => {
    for (const configured of ['auto', 'networkmanager', 'ovsdb'] as const) {
      expect(choose(undefined, { configured }, true)).toBe('bridge-not-ovs');
    }
  });
});
