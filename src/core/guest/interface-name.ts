// What the name of a network device that Proxmox made says about its guest.
import { kernelNameProblem } from '../lib/device-name.ts';
import { vmidFromText } from './vmid.ts';

/**
 * `tap` a VM's NIC; `veth` the host end of a container's NIC; `veth-peer` its other end before it moves in;
 * `fwbr` the firewall's Linux bridge; `fwln`/`fwpr` the veth pair that ties it to a Linux bridge;
 * `fwln-ovs` the OVS internal port that ties it to an OVS bridge (then this is the port on the bridge, not the tap).
 */
export type GuestInterfaceRole = 'tap' | 'veth' | 'veth-peer' | 'fwbr' | 'fwln' | 'fwln-ovs' | 'fwpr';

export interface GuestInterface {
  vmid: number;
  nic: number;
  role: GuestInterfaceRole;
}

// pve-common:src/PVE/Network.pm:$compute_fwbr_names and $parse_tap_device_name.
const PATTERNS: readonly [RegExp, GuestInterfaceRole][] = [
  [/^tap(\d+)i(\d+)$/, 'tap'],
  [/^veth(\d+)i(\d+)$/, 'veth'],
  [/^veth(\d+)i(\d+)p$/, 'veth-peer'],
  [/^fwbr(\d+)i(\d+)$/, 'fwbr'],
  [/^fwln(\d+)i(\d+)$/, 'fwln'],
  [/^fwln(\d+)o(\d+)$/, 'fwln-ovs'],
  [/^fwpr(\d+)p(\d+)$/, 'fwpr'],
];

/** Which guest and NIC a device belongs to by its name, or undefined when Proxmox cannot have made it. */
export function parseGuestInterface(name: string): GuestInterface | undefined {
  if (kernelNameProblem(name) !== undefined) return undefined;
  for (const [pattern, role] of PATTERNS) {
    const [, vmidText = '', nicText = ''] = pattern.exec(name) ?? [];
    const vmid = vmidFromText(vmidText);
    if (vmid !== undefined && /^(?:0|[1-9]\d?)$/.test(nicText)) return { vmid, nic: Number(nicText), role };
  }
  return undefined;
}

/**
 * Whether it is the device of a Proxmox guest itself, by its name. Proxmox has it either on an OVS bridge or in a bridge of
 * the kernel, never on both; the firewall's internal port is on both.
 */
export function isGuestDevice(name: string): boolean {
  const role = parseGuestInterface(name)?.role;
  return role === 'tap' || role === 'veth';
}
