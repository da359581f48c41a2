import { describe, expect, it } from 'vitest';
import type { DoctorFacts } from '../../../../src/diagnose/doctor/facts.ts';
import type { DesiredFacts } from '../../../../src/diagnose/explain/facts.ts';
import { faultsOf, notesOf, vlanText } from '../../../../src/diagnose/explain/faults.ts';
import { joinPort, type NicFacts } from '../../../../src/diagnose/explain/join.ts';
import { bridge, guest, healthy, link, no, port, switchFacts, tree, WEB1, yes } from '../doctor/healthy.ts';
import { nm, ports, profile, proxmox } from '../doctor/variants.ts';

const WISH: DesiredFacts = { interface: 'tap101i0', bridge: 'ovsbr0', from: 'guest configuration' };
const WHO = { name: 'web1', runtime: 'proxmox-qemu' as const };

function card(more: Partial<NicFacts> = {}): NicFacts {
  return { guest: WHO, desired: WISH, firewall: false, pending: false, running: true, skipped: [], ...more };
}

const join = (host: DoctorFacts, of: NicFacts = card()) => joinPort({ vmid: 101, nic: 0 }, host, of);
const unknown: NicFacts = { firewall: false, pending: false, running: undefined, skipped: [] };
const foreign = port({ externalIds: {}, interface: 'dummy0' });
const plain = port({ row: 'tap101i0', port: 'tap101i0', externalIds: {} });
const waits = yes({
  ready: true,
  waiting: [{ port: 'vi101', bridge: 'ovsbr0', code: 'link-missing', reason: 'there is no network device' }],
});
const withoutLink = { links: new Map([['ovsbr0', link()]]) };
const linked = (more: object) => ({ links: new Map([['tap101i0', link(more)]]) });
const onNode = {
  ok: true as const,
  version: 1,
  guests: new Map([[101, { node: 'pve2', type: 'qemu' as const }]]),
};

describe('a port that is right', () => {
  it('has no fault', () => {
    expect(faultsOf(join(healthy()))).toEqual([]);
  });

  it('may be in a VLAN that only its runtime knows, as LXC’s veth.vlan.id', () => {
    const tagged = healthy(ports(port({ vlan: { tag: 5, trunks: [] } })));
    const of = (wish: NicFacts['desired']) =>
      faultsOf(join(tagged, card({ ...(wish && { desired: wish }) })));
    expect(of({ ...WISH, from: 'binding file' })).toEqual([]);
    expect(of({ ...WISH, from: 'guest configuration' })).toMatchObject([{ fault: 'vlan' }]);
    expect(of({ ...WISH, from: 'binding file', vlan: { tag: 7, trunks: [] } })).toMatchObject([
      { fault: 'vlan' },
    ]);
  });

  it('may keep the name that Proxmox gave its row', () => {
    const row = port({ row: 'tap101i0', port: 'vi101' });
    expect(faultsOf(join(healthy(ports(row)), card({ desired: { ...WISH, row: 'tap101i0' } })))).toEqual([]);
  });

  it('may have its VLAN written in another order, and its mode left out', () => {
    const row = port({ vlan: { tag: 5, trunks: [2, 1], mode: 'native-untagged' } });
    const desiredPort = { ...WISH, vlan: { tag: 5, trunks: [1, 2], mode: 'native-untagged' } };
    expect(faultsOf(join(healthy(ports(row)), card({ desired: desiredPort })))).toEqual([]);
    const access = { ...WISH, vlan: { tag: 5, trunks: [], mode: 'access' } };
    expect(
      faultsOf(join(healthy(ports(port({ vlan: { tag: 5, trunks: [] } }))), card({ desired: access }))),
    ).toEqual([]);
  });

  it("is judged by the binding file where there is no guest's configuration", () => {
    const host = healthy(ports(port({ bridge: 'ovsbr1' })));
    expect(faultsOf(join(host, { ...unknown, running: true }))).toMatchObject([{ fault: 'other-bridge' }]);
  });
});

type Case = [fault: string, host: DoctorFacts, card: NicFacts, text: RegExp];

const cases: Case[] = [
  [
    'ovsdb-unreachable',
    healthy({ ovsdb: no('OVSDB: db.sock does not exist') }),
    card(),
    /nothing can be told: OVSDB/,
  ],
  ['no-guest', healthy({ ...ports(), bindings: [] }), unknown, /no guest 101 on this host/],
  [
    'other-node',
    healthy({ ...ports(), bindings: [], ...proxmox({ tree: { ...tree(), vmlist: onNode } }) }),
    unknown,
    /on the node pve2/,
  ],
  ['not-running', healthy({ ...ports(), ...withoutLink }), card({ running: false }), /web1 does not run/],
  [
    'no-port-wanted',
    healthy({ ...ports(), bindings: [] }),
    card({ obstacle: 'vmbr0 is not an OVS bridge' }),
    /net0 gets no port: vmbr0/,
  ],
  ['name-taken', healthy(ports(foreign)), card(), /vi101 is taken .* \(dummy0 on ovsbr0\)/],
  [
    'link-missing',
    healthy({ ...ports(), agent: waits }),
    card(),
    /cannot make it: there is no network device/,
  ],
  ['skipped', healthy(ports()), card({ skipped: ['net0: it has no bridge'] }), /passed it over: net0/],
  ['left-over', healthy(), card({ running: false }), /vi101 on ovsbr0 is left over/],
  ['left-over', healthy({ bindings: [], ...withoutLink }), { ...unknown, running: false }, /left over/],
  ['device-gone', healthy(withoutLink), card(), /its device tap101i0 is gone/],
  ['not-adopted', healthy(ports(plain)), card(), /tap101i0 is on ovsbr0 as port tap101i0/],
  ['link-missing', healthy({ ...ports(), ...withoutLink }), card(), /no network device tap101i0/],
  ['no-row', healthy(ports()), card(), /in no port of Open vSwitch/],
  ['other-bridge', healthy(ports(port({ bridge: 'ovsbr1' }))), card(), /on ovsbr1, and should be on ovsbr0/],
  [
    'port-not-usable',
    healthy(ports(port({ error: 'could not open' }))),
    card(),
    /Open vSwitch says: could not open/,
  ],
  ['port-not-usable', healthy(ports(port({ ofport: -1 }))), card(), /port number -1/],
  [
    'vlan',
    healthy(ports(port({ vlan: { trunks: [] } }))),
    card({ desired: { ...WISH, vlan: { tag: 5, trunks: [] } } }),
    /VLAN is none, and should be 5 by the guest configuration/,
  ],
  ['earlier-boot', healthy({ bootId: 'boot-3' }), card(), /before the last boot/],
  ['link-down', healthy(linked({ up: false, carrier: undefined })), card(), /tap101i0 is down/],
  ['no-carrier', healthy(linked({ carrier: false })), card(), /no carrier/],
  [
    'profile-without-row',
    healthy({ ...ports(), networkManager: nm({}, [profile('vi101', 'ovsbr0')]) }),
    card(),
    /1 of our profiles/,
  ],
  [
    'agent-unreachable',
    healthy({ agent: no('the bus: nobody has the name') }),
    card(),
    /nobody keeps the port right/,
  ],
];

describe('explain names', () => {
  it.each(cases)('%s, and what to do', (name, host, of, text) => {
    const found = faultsOf(join(host, of)).find(({ fault }) => fault === name);
    expect(found).toMatchObject({
      text: expect.stringMatching(text),
      remedy: expect.stringMatching(/.{10}/),
    });
  });

  it('the cause first, and nothing twice', () => {
    const host = healthy({ ...withoutLink, agent: no('gone') });
    expect(faultsOf(join(host)).map(({ fault }) => fault)).toEqual(['agent-unreachable', 'device-gone']);
  });

  it.each([
    ['not-running', card({ running: false })],
    ['no-port-wanted', card({ obstacle: 'vmbr0 is not an OVS bridge' })],
  ])('%s before an agent that is away, since no agent would mend it', (name, of) => {
    const host = healthy({ ...ports(), ...withoutLink, bindings: [], agent: no('gone') });
    expect(faultsOf(join(host, of)).map(({ fault }) => fault)).toEqual([name, 'agent-unreachable']);
  });

  it('with a wrong VLAN the command that puts it right, since the agent keeps what a row has', () => {
    const remedy = (row: DesiredFacts['vlan'], vlan?: DesiredFacts['vlan']) =>
      faultsOf(
        join(
          healthy(ports(port({ vlan: row ?? { trunks: [] } }))),
          card({ desired: { ...WISH, ...(vlan && { vlan }) } }),
        ),
      ).map((found) => found.remedy);
    const clear = 'ovs-vsctl clear Port vi101 tag trunks vlan_mode';
    expect(remedy({ tag: 9, trunks: [] })).toEqual([clear]);
    expect(remedy(undefined, { tag: 5, trunks: [1, 2], mode: 'native-untagged' })).toEqual([
      `${clear} -- set Port vi101 tag=5 trunks=1,2 vlan_mode=native-untagged`,
    ]);
  });

  it("no fault of a stopped guest's card that nobody asked for", () => {
    const host = healthy({ ...ports(), ...withoutLink, bindings: [] });
    expect(faultsOf(join(host, card({ running: false }))).map(({ fault }) => fault)).toEqual(['not-running']);
  });
});

describe('worth knowing', () => {
  it("is Proxmox's firewall, a pending change, and a lock", () => {
    const of = card({
      guest: { ...WHO, lock: 'backup' },
      firewall: true,
      pending: true,
      desired: { ...WISH, interface: 'fwln101o0', row: 'fwln101o0' },
    });
    expect(notesOf(join(healthy(), of))).toEqual([
      expect.stringContaining('fwln101o0, and vi101 an alias'),
      expect.stringContaining('change of net0 pending'),
      expect.stringContaining('lock: backup'),
    ]);
    expect(notesOf(join(healthy()))).toEqual([]);
  });

  it("is that a card was handed back under Proxmox's name, unless it is to stay there", () => {
    const host = healthy(ports(port({ row: 'tap101i0' })));
    expect(notesOf(join(host))).toEqual([expect.stringContaining("Proxmox's own name now, tap101i0")]);
    expect(notesOf(join(host, card({ desired: { ...WISH, row: 'tap101i0' } })))).toEqual([]);
  });

  it('is a VLAN in words', () => {
    expect(vlanText()).toBe('none');
    expect(vlanText({ tag: 5, trunks: [1, 2], mode: 'native-untagged' })).toBe(
      '5, trunks 1, 2, native-untagged',
    );
  });
});

describe('joining', () => {
  it('takes the bridge that holds the device for what it is', () => {
    const host = healthy({
      ovsdb: yes(switchFacts({ bridges: [bridge('vmbr9')], ports: [{ ...plain, bridge: 'vmbr9' }] })),
      ...proxmox({ tree: tree(guest(101, WEB1)) }),
    });
    expect(join(host).holder).toMatchObject({ bridge: 'vmbr9', row: 'tap101i0' });
  });
});
