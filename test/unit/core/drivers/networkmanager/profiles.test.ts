// The profiles we send must work from NetworkManager 1.42 on and find their rows again after a crash.

import { describe, expect, it } from 'vitest';
import {
  bridgeProfiles,
  interfaceProfile,
  type PortProfileInput,
  portProfile,
  profileUuid,
} from '../../../../../src/core/drivers/networkmanager/profiles.ts';
import type { Profile } from '../../../../../src/core/networkmanager/profile.ts';

const input: PortProfileInput = {
  bridge: 'ovsbr0',
  bridgeUuid: profileUuid('bridge', 'ovsbr0'),
  port: 'vi101',
  interface: 'tap101i0',
  externalIds: { 'ovs-port-agent.vmid': '101' },
};
const tun = { pi: false, vnetHdr: true, multiQueue: false, owner: undefined, group: undefined };
const value = (profile: Profile, section: string, key: string) => profile[section]?.[key]?.value;

describe('profiles for NetworkManager', () => {
  it('have the same UUID at every run, and another for each port, bridge and role', () => {
    const uuids = [
      profileUuid('port', 'ovsbr0', 'vi101'),
      profileUuid('interface', 'ovsbr0', 'vi101'),
      profileUuid('port', 'ovsbr1', 'vi101'),
      profileUuid('port', 'ovsbr0', 'vi102'),
    ];
    expect(profileUuid('port', 'ovsbr0', 'vi101')).toBe(uuids[0]);
    expect(new Set(uuids).size).toBe(uuids.length);
  });

  it('use only keys that NetworkManager 1.42 knows', () => {
    const {
      bridge,
      port,
      interface: internal,
    } = bridgeProfiles({
      bridge: 'ovsbr0',
      datapathType: 'netdev',
      addresses: ['10.0.0.1/24'],
      ipv6: false,
      externalIds: {},
    });
    for (const profile of [bridge, port, internal, portProfile(input), interfaceProfile(input)]) {
      const keys = Object.keys(profile.connection ?? {});
      expect(keys).not.toContain('controller');
      expect(keys).not.toContain('port-type');
      expect(keys).not.toContain('autoconnect-ports');
    }
  });

  it('never let NetworkManager make a tap while its guest is off', () => {
    const profile = interfaceProfile({ ...input, tun });
    expect(value(profile, 'connection', 'type')).toBe('tun');
    expect(value(profile, 'connection', 'autoconnect')).toBe(false);
  });

  it('repeat the flags of the tap', () => {
    const profile = interfaceProfile({ ...input, tun: { ...tun, multiQueue: true, owner: 1000 } });
    expect(value(profile, 'tun', 'mode')).toBe(2);
    expect(value(profile, 'tun', 'vnet-hdr')).toBe(true);
    expect(value(profile, 'tun', 'multi-queue')).toBe(true);
    expect(value(profile, 'tun', 'owner')).toBe('1000');
    expect(profile.tun).not.toHaveProperty('group');
  });

  it('bring a veth back by themselves after a restart of NetworkManager', () => {
    const profile = interfaceProfile({ ...input, interface: 'veth101i0' });
    expect(value(profile, 'connection', 'type')).toBe('802-3-ethernet');
    expect(value(profile, 'connection', 'autoconnect')).toBe(true);
  });

  it('carry the VLAN of the guest', () => {
    const profile = portProfile({ ...input, tag: 20, trunks: [30], vlanMode: 'native-untagged' });
    expect(value(profile, 'ovs-port', 'tag')).toBe(20);
    expect(value(profile, 'ovs-port', 'vlan-mode')).toBe('native-untagged');
    expect(profile['ovs-port']?.trunks?.value).toMatchObject([{ start: { value: 30 }, end: { value: 30 } }]);
  });

  it('put addresses on the internal port, by family', () => {
    const { interface: internal } = bridgeProfiles({
      bridge: 'ovsbr1',
      datapathType: 'system',
      addresses: ['203.0.113.1/24', '2001:db8::1/64'],
      ipv6: true,
      externalIds: {},
    });
    expect(internal.ipv4?.['address-data']?.value).toMatchObject([
      { address: { value: '203.0.113.1' }, prefix: { value: 24 } },
    ]);
    expect(internal.ipv6?.['address-data']?.value).toMatchObject([{ address: { value: '2001:db8::1' } }]);
  });
});
