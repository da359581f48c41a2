// A test host like a Proxmox node: bridges that the administrator made, guests of Proxmox, and what is right for each mode.
import { expect, inject } from 'vitest';
import { type AgentHost, type SeenPort, SNIPPET, watched } from './agent-host.ts';
import { eventually } from './eventually.ts';
import { type Suite, upHost } from './host.ts';
import { expectReachable } from './pings.ts';
import { expectWholeStories } from './stories.ts';

export type Mode = 'vi' | 'keep';

/** A guest with one card, on vmbr0 at first. */
export interface LabGuest {
  vmid: number;
  kind: 'VM' | 'container';
  tool: 'qm' | 'pct';
  device: string;
  address: string;
  /** Its card's line, without the bridge. */
  card: string;
  hooked: boolean;
}

export interface ProxmoxHost extends AgentHost {
  readonly mode: Mode;
}

/** What the port of a card should look like beside its owner; VLANs as OVSDB has them. */
export interface PortSpec {
  nic?: number;
  bridge?: string;
  tag?: number | null;
  trunks?: number[];
  /** Name of the row, where it is not the mode's. */
  row?: string;
}

/** The timer is as good as off: what gets right must get right by an event. */
const configFor = (mode: Mode) => `reconcile_interval = 86400\n[proxmox]\nport = "${mode}"\n`;

/**
 * `vmbr0` and `vmbr1` are OVS bridges, `lbr0` one of the kernel. `vlan5` is the host's own port in VLAN 5 of vmbr0. Each
 * has an address of the guests' network, so that a ping bound to one of them tells where a guest is; and each answers for
 * its own address alone, or a guest would keep a wrong MAC address from the place it was before.
 */
const BRIDGES = `
  pve-init; mkdir -p /etc/ovs-port-agent /etc/pve/nodes/pve2/qemu-server /etc/pve/nodes/pve2/lxc
  ovs-bridge vmbr0 10.0.0.1/24; ovs-bridge vmbr1 10.0.0.3/32
  ip link add lbr0 type bridge; ip addr add 10.0.0.4/32 dev lbr0; ip link set lbr0 up
  ovs-vsctl add-port vmbr0 vlan5 tag=5 -- set Interface vlan5 type=internal
  until ip addr replace 10.0.0.2/32 dev vlan5 2>/dev/null; do sleep 0.05; done; ip link set vlan5 up
  sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.all.arp_ignore=1
  for link in vmbr0 vmbr1 lbr0 vlan5; do sysctl -qw net.ipv4.conf.$link.rp_filter=0; done
  echo 'Dpkg::Options { "--force-confold"; };' >/etc/apt/apt.conf.d/90lab`;

export async function upProxmoxHost(suite: Suite, mode: Mode, name: string): Promise<ProxmoxHost> {
  const host = await upHost(suite, name);
  try {
    await host.sh(BRIDGES);
    await host.exec(['sh', '-c', 'cat >/etc/ovs-port-agent/config.toml'], { input: configFor(mode) });
    await host.installDeb(inject('deb'));
  } catch (error) {
    await host.down();
    throw error;
  }
  return { ...watched(host), mode };
}

/** `number` is the last of its address, and its VMID. */
export function labGuest(kind: LabGuest['kind'], number: number, hooked: boolean): LabGuest {
  const mac = `BC:24:11:00:00:${number.toString(16).padStart(2, '0').toUpperCase()}`;
  const base = { vmid: number, kind, hooked, address: `10.0.0.${number}` };
  return kind === 'VM'
    ? { ...base, tool: 'qm', device: `tap${number}i0`, card: `virtio=${mac}` }
    : {
        ...base,
        tool: 'pct',
        device: `veth${number}i0`,
        card: `name=eth0,hwaddr=${mac},ip=10.0.0.${number}/24`,
      };
}

/** Command that makes the guest, on vmbr0. */
export function create({ vmid, kind, tool, address, card, hooked }: LabGuest): string {
  const net = `--net0 '${card},bridge=vmbr0'`;
  const named = kind === 'VM' ? `--name g${vmid} --ipconfig0 ip=${address}/24` : `--hostname g${vmid}`;
  return `${tool} create ${vmid} ${named} ${net} ${hooked ? `--hookscript ${SNIPPET}` : ''}`;
}

/** Words of the command that changes the guest's first card; `settings` such as `bridge=vmbr0,tag=5`. */
export function change({ tool, vmid, card }: LabGuest, settings: string): string[] {
  return [tool, 'set', String(vmid), '--net0', `${card},${settings}`];
}

const portOf = ({ vmid }: LabGuest, nic: number) => (nic === 0 ? `vi${vmid}` : `vi${vmid}i${nic}`);

const isOf = ({ vmid }: LabGuest) => {
  const names = new RegExp(`^(?:vi|tap|veth|fwln)${vmid}(?:[io]\\d+p?)?$`);
  return ({ port, interface: link, owner }: SeenPort) =>
    owner.vmid === String(vmid) || names.test(port) || names.test(link);
};

/** Each card of the guest is in one port, the right one by the host's mode; the ledger tells the whole story. */
export async function expectPorts(host: ProxmoxHost, guest: LabGuest, ...specs: PortSpec[]): Promise<void> {
  const expected = specs.map(({ nic = 0, bridge = 'vmbr0', tag = null, trunks = [], row }) => {
    const device = guest.device.replace(/0$/, String(nic));
    const alias = portOf(guest, nic);
    const name = row ?? (host.mode === 'vi' ? alias : device);
    const owner: Record<string, unknown> = {
      vmid: String(guest.vmid),
      nic: String(nic),
      guest: `g${guest.vmid}`,
    };
    if (name !== alias) owner.port = alias;
    const link = name === alias ? device : name;
    return {
      port: name,
      bridge,
      interface: link,
      tag,
      trunks,
      usable: true,
      owner: expect.objectContaining(owner),
    };
  });
  await eventually(host.traces, ({ ports }) => expect(ports.filter(isOf(guest))).toEqual(expected));
}

/** The guest answers a ping that leaves by that interface of the host. */
export async function expectAnswers(host: ProxmoxHost, { address }: LabGuest, via = 'vmbr0'): Promise<void> {
  await expectReachable(host, address, 40, via);
}

/** No row, no device, no file of the guest is left. */
export async function expectGone(host: ProxmoxHost, guest: LabGuest): Promise<void> {
  const { vmid } = guest;
  const devices = new RegExp(`^(?:vi|tap|veth|fwln|fwpr|fwbr)${vmid}[iop]`);
  await eventually(host.traces, ({ ports, bindings, links }) => {
    expect(ports.filter(isOf(guest))).toEqual([]);
    expect(bindings.filter((file) => file.startsWith(`vi${vmid}.`) || file.startsWith(`vi${vmid}i`))).toEqual(
      [],
    );
    expect(links.filter((link) => devices.test(link))).toEqual([]);
  });
  expect(await host.sh('ip -brief link')).not.toMatch(new RegExp(`fw(?:br|ln|pr)${vmid}`));
}

/** Nothing is under way or waits, each intent has its outcome, and the ledger verifies. */
export async function expectLedgerWhole(host: ProxmoxHost): Promise<void> {
  await eventually(host.ledger, expectWholeStories);
  expect(JSON.parse((await host.cli('status', '--json')).stdout)).toMatchObject({ ready: true, waiting: [] });
  expect(await host.cli('ledger', 'verify')).toMatchObject({ exitCode: 0 });
}

/** Height of the last block. */
export async function heightOf(host: ProxmoxHost): Promise<number> {
  return (await host.ledger()).at(-1)?.height ?? 0;
}

/** Actions about the guest after `since`, in order. */
export async function actionsOf(host: ProxmoxHost, { vmid }: LabGuest, since: number): Promise<string[]> {
  const blocks = (await host.ledger()).filter(({ height }) => height > since);
  const isIts = (data: Record<string, unknown>) =>
    data.vmid === vmid || new RegExp(`^vi${vmid}(?:i|$)`).test(String(data.port));
  return blocks.filter(({ data }) => isIts(data)).map(({ action }) => action);
}
