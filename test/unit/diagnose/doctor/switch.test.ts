import { describe, expect, it } from 'vitest';
import { examine } from '../../../../src/diagnose/doctor/examine.ts';
import { bridge, configured, healthy, internal, link, no, port } from './healthy.ts';
import { type Case, choice, declared, links, ovs, owned, ports } from './variants.ts';

const cases: Case[] = [
  [
    'no OVSDB',
    healthy({ ovsdb: no('OVSDB: /run/openvswitch/db.sock does not exist') }),
    'fail',
    'Open vSwitch',
    /db\.sock/,
    /openvswitch-switch/,
  ],
  [
    'a dead ovs-vswitchd',
    healthy({ vswitchd: no('ovs-vswitchd does not answer: gone') }),
    'fail',
    'Open vSwitch',
    /ovs-vswitchd does not answer/,
    /restart openvswitch-switch/,
  ],
  ['an ovs-vswitchd that lags', healthy(ovs({ nextCfg: 9 })), 'warn', 'Open vSwitch', /4 of 9/, /journalctl/],
  [
    'no datapath at all',
    healthy(ovs({ datapathTypes: ['system'] })),
    'fail',
    'Open vSwitch',
    /no datapath/,
    /modprobe/,
  ],
  [
    'a system bridge without the kernel module',
    healthy(
      ovs({
        bridges: [bridge('ovsbr0', { datapathType: 'system' }), bridge('ovsbr1')],
      }),
    ),
    'fail',
    'Open vSwitch',
    /ovsbr0 wants the kernel datapath/,
    /modprobe/,
  ],
  [
    'a bridge that is a Linux bridge',
    {
      ...healthy(ovs({ bridges: [bridge('ovsbr1')], ports: [internal('ovsbr1')] })),
      links: new Map([
        ['ovsbr0', link({ isLinuxBridge: true })],
        ['ovsbr1', link()],
      ]),
      bindings: [],
    },
    'fail',
    'Open vSwitch',
    /ovsbr0 is a Linux bridge/,
    /remove the Linux bridge/,
  ],
  [
    'our mark on a port of somebody else',
    healthy(ports(port(), port({ row: 'eno1', port: 'eno1', interface: 'eno1' }))),
    'warn',
    'Open vSwitch',
    /eno1 on ovsbr0 .* is no port of ours/,
    /remove Port eno1 external_ids ovs-port-agent.vmid/,
  ],
  [
    'a bridge name that a card has',
    {
      ...healthy(ovs({ bridges: [bridge('ovsbr1')], ports: [internal('ovsbr1')] })),
      bindings: [],
    },
    'fail',
    'Open vSwitch',
    /ovsbr0 is a network device/,
    /another bridge/,
  ],
  [
    'a missing bridge',
    {
      ...healthy({
        ...ovs({ bridges: [bridge('ovsbr0')] }),
        ...links('ovsbr0', 'tap101i0'),
      }),
    },
    'warn',
    'Open vSwitch',
    /ovsbr1 does not exist; the agent makes it through ovsdb/,
    /reconcile/,
  ],
  [
    'a missing bridge that may not be made',
    configured(
      healthy({
        ...ovs({ bridges: [bridge('ovsbr0')] }),
        ...links('ovsbr0', 'tap101i0'),
      }),
      { bridges: { ovsbr1: { create: false, addresses: [], datapath_type: 'auto' } } },
    ),
    'fail',
    'Open vSwitch',
    /create = false/,
    /Make the bridge/,
  ],
  [
    'a bridge without an interface of its name',
    healthy(ovs({ ports: [internal('ovsbr1'), port()] })),
    'fail',
    'Open vSwitch',
    /ovsbr0 has no internal interface/,
    /Proxmox refuses/,
  ],
  [
    'a bridge whose own device is gone',
    healthy(links('ovsbr0', 'tap101i0')),
    'fail',
    'Open vSwitch',
    /ovsbr1 has an internal interface, but no network device/,
    /vswitchd/,
  ],
  [
    'a bridge with two owners',
    healthy({
      ...owned,
      ...choice({ presence: { networkmanager: 'ready' } }),
      ...declared('iface ovsbr0 inet manual\n ovs_type OVSBridge\n'),
    }),
    'warn',
    'Open vSwitch',
    /ovsbr0 has two owners/,
    /out of one/,
  ],
  [
    'a bridge whose owner does not run',
    healthy({ ...owned, ...choice({ presence: { networkmanager: 'expected' } }) }),
    'fail',
    'Open vSwitch',
    /NetworkManager, which drives ovsbr0, is not running/,
    /systemctl restart NetworkManager/,
  ],
  [
    'a bridge whose owner lost its plugin',
    healthy(owned),
    'fail',
    'Open vSwitch',
    /which drives ovsbr0, cannot do Open vSwitch/,
    /network-manager-ovs/,
  ],
  [
    'a driver forced on a bridge that is not its own',
    healthy(choice({ configured: 'networkmanager', presence: { networkmanager: 'ready' } })),
    'fail',
    'Open vSwitch',
    /ovsbr0 does not belong to NetworkManager/,
    /driver = "auto"/,
  ],
  [
    "a driver forced past NetworkManager's bridge",
    healthy({ ...owned, ...choice({ configured: 'ovsdb', presence: { networkmanager: 'ready' } }) }),
    'warn',
    'Open vSwitch',
    /ovsbr0.*NetworkManager owns it/,
    /auto/,
  ],
  [
    'ports that a reload would remove',
    healthy(declared('iface ovsbr0 inet manual\n ovs_type OVSBridge\n ovs_ports eno1\n')),
    'warn',
    'Open vSwitch',
    /reload .* would remove port vi101 from ovsbr0/,
    /proxmox interfaces apply/,
  ],
  [
    'a port whose device is gone',
    healthy(links('ovsbr0', 'ovsbr1')),
    'fail',
    'Open vSwitch',
    /vi101 on ovsbr0: its device tap101i0 is gone/,
    /reconcile/,
  ],
  [
    'a port with an error',
    healthy(ports(port({ error: 'could not open network device tap101i0 (No such device)' }))),
    'fail',
    'Open vSwitch',
    /could not open/,
    /vswitchd/,
  ],
  [
    'a port that was not opened',
    healthy(ports(port({ ofport: -1 }))),
    'fail',
    'Open vSwitch',
    /has not opened tap101i0/,
    /vswitchd/,
  ],
  [
    'rows from before the boot',
    healthy({ bootId: 'boot-3' }),
    'warn',
    'Open vSwitch',
    /before the last boot: vi101/,
    /reconcile/,
  ],
  [
    'a foreign port of our name',
    healthy(ports(port(), port({ row: 'vi900', port: 'vi900', externalIds: {} }))),
    'warn',
    'Open vSwitch',
    /vi900 on ovsbr0 .* somebody else/,
    /another VMID/,
  ],
];

describe('doctor finds', () => {
  it.each(cases)('%s, and says what to do', (_, facts, state, group, text, remedy) => {
    const found = examine(facts).find((finding) => finding.group === group && text.test(finding.text));
    expect(found).toMatchObject({ state, remedy: expect.stringMatching(remedy) });
  });
});
