// One NIC of a Proxmox guest: which device of the switch it is, and under which name its port goes; pure.

import type { Guest } from '../../core/guest/guest.ts';
import { type Nic, trunkIds } from '../../core/guest/nic.ts';
import { portName } from '../../core/guest/vmid.ts';
import type { DesiredPort, Vlan } from '../../core/plan/desired.ts';

/** The row of OVSDB that has a device, by the device's name; undefined when it is on no bridge of Open vSwitch. */
export type HolderOf = (device: string) => { row: string; bridge: string } | undefined;

export interface ConfiguredNic {
  index: number;
  nic: Nic;
  /** Whether Proxmox is about to change this NIC: it has said so in the configuration, or has locked that. */
  pending: boolean;
}

/** `[proxmox] port` of the configuration. */
export type PortMode = 'vi' | 'keep';

/**
 * The port that a NIC should have. Its row keeps Proxmox's name where a port of another name would do harm:
 * - while a change of the NIC is pending: Proxmox removes and adds the port under its own name (`PVE::Network::tap_plug`)
 * - with a rate limit, which is tc's and would be lost ("OVS resets everything", same place)
 * - with the firewall, whose internal port would lose its place in the firewall bridge
 */
export function desiredPort(
  guest: Guest,
  configured: ConfiguredNic,
  mode: PortMode,
  holderOf: HolderOf,
): DesiredPort {
  const { index, nic, pending } = configured;
  const device = deviceOf(guest, configured, holderOf);
  const isFirewalled = device !== plainDevice(guest, index);
  const keeps = mode === 'keep' || pending || isFirewalled || nic.rate !== undefined;
  const vlan = vlanOf(nic);
  // In the middle of a change the configuration tells of the bridge that the NIC has left, or for a container of none.
  const bridge = (pending ? holderOf(device)?.bridge : undefined) ?? nic.bridge ?? '';
  return {
    port: portName(guest.vmid, index),
    ...(keeps && { row: device }),
    interface: device,
    bridge,
    guest,
    nic: index,
    ...(vlan && { vlan }),
  };
}

/** Why a NIC gets no port, or undefined. */
export function obstacleTo(
  runtime: Guest['runtime'],
  nic: Nic,
  isOvsBridge: (name: string) => boolean,
): string | undefined {
  if (nic.bridge === undefined || nic.bridge === '') return 'it has no bridge';
  if (!isOvsBridge(nic.bridge)) return `${nic.bridge} is not an OVS bridge`;
  if (isLeftUnplugged(runtime, nic)) return 'its link is set down';
  return undefined;
}

/** With its link set down a container's NIC is on no bridge; a VM's stays plugged, QEMU holds its link down. */
export function isLeftUnplugged(runtime: Guest['runtime'], nic: Nic): boolean {
  return nic.linkDown && runtime === 'proxmox-lxc';
}

function plainDevice({ vmid, runtime }: Guest, index: number): string {
  return `${runtime === 'proxmox-qemu' ? 'tap' : 'veth'}${vmid}i${index}`;
}

/** With the firewall the NIC's port is an internal one (PVE::Network, compute_fwbr_names). */
function deviceOf(guest: Guest, { index, nic, pending }: ConfiguredNic, holderOf: HolderOf): string {
  const firewallPort = `fwln${guest.vmid}o${index}`;
  const isFirewalled = pending ? holderOf(firewallPort) !== undefined : nic.firewall;
  return isFirewalled ? firewallPort : plainDevice(guest, index);
}

/**
 * Whether a NIC with the firewall has lost its way to the bridge: its port is an internal one, which ends with the bridge
 * or when its row is removed, and Proxmox makes it only when it plugs. The NIC and its firewall bridge are still there.
 */
export function isCutOff(port: DesiredPort, links: ReadonlySet<string>): boolean {
  const { guest, nic, interface: device } = port;
  if (device !== `fwln${guest.vmid}o${nic}` || links.has(device)) return false;
  return links.has(plainDevice(guest, nic)) && links.has(`fwbr${guest.vmid}i${nic}`);
}

/** As Proxmox plugs it: tag and trunks together mean native-untagged (PVE::Network::tap_plug). */
function vlanOf(nic: Nic): Vlan | undefined {
  const trunks = nic.trunks === undefined ? [] : trunkIds(nic.trunks);
  if (nic.tag === undefined && trunks.length === 0) return undefined;
  return {
    trunks,
    ...(nic.tag !== undefined && { tag: nic.tag }),
    ...(nic.tag !== undefined && trunks.length > 0 && { mode: 'native-untagged' }),
  };
}
