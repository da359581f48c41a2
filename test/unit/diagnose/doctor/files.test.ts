import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endangeredPorts, parseInterfaces } from '../../../../src/diagnose/doctor/interfaces-file.ts';

const FILE = `auto lo
iface lo inet loopback

auto vmbr0
iface vmbr0 inet static
	address 10.0.0.1/24
	ovs_type OVSBridge
	ovs_ports eno1 \\
		vlan5
	ovs-ports-condone-regex ^(tap|vi[0-9])
# comment
iface vmbr1 inet manual
	ovs_type OVSBridge
source /etc/network/interfaces.d/*
iface vmbr2 inet manual
	bridge-ports none
`;

describe('OVS bridges of /etc/network/interfaces', () => {
  it('are found with their ports, over joined lines and both spellings', () => {
    expect([...parseInterfaces(FILE)].filter(([, stanza]) => stanza.isOvsBridge)).toEqual([
      ['vmbr0', { isOvsBridge: true, ports: ['eno1', 'vlan5'], exemption: '^(tap|vi[0-9])' }],
      ['vmbr1', { isOvsBridge: true, ports: undefined, exemption: undefined }],
    ]);
  });

  it('are found where a second stanza gives them an IPv6 address', () => {
    const text = `${FILE}iface vmbr1 inet6 static\n\taddress 2001:db8::1/64\n`;
    expect(parseInterfaces(text).get('vmbr1')).toMatchObject({ isOvsBridge: true });
  });

  it('are read from any text without a throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        parseInterfaces(text);
        parseInterfaces(`iface a inet manual\n ovs_type OVSBridge\n${text}`);
      }),
    );
  }, 30_000);

  it.each([
    ['what is not listed', { isOvsBridge: true, ports: ['eno1'], exemption: undefined }, ['vi101']],
    ['nothing without ovs_ports', { isOvsBridge: true, ports: undefined, exemption: undefined }, []],
    [
      'nothing that the pattern spares',
      { isOvsBridge: true, ports: [], exemption: '^vi' },
      ['tap1i0', 'veth1i0', 'fwln1o0'],
    ],
    [
      'all but its list, when the pattern is none',
      { isOvsBridge: true, ports: ['vi101'], exemption: '(' },
      ['tap1i0', 'veth1i0', 'fwln1o0'],
    ],
  ])('would lose %s in a reload', (_, bridge, lost) => {
    expect(endangeredPorts(bridge, ['tap1i0', 'veth1i0', 'fwln1o0', 'vi101'])).toEqual(lost);
  });
});
