// A binding in the words of the agent's older D-Bus interface, for tools written for it; pure.

import type { Guest } from '../core/guest/guest.ts';
import { factsOfGuest } from '../core/guest/runtimes.ts';

/** Keys as `get_interface_bindings` has them, and as they stand in each binding file beside our own. */
export interface InterfaceBinding {
  /** The device that Proxmox or LXC made, or that was given by hand; null for a pair that we made for Docker. */
  proxmox_veth: string | null;
  /** The name of the guest's NIC on the switch: `vi<VMID>`. */
  ovs_interface: string;
  vmid: number;
  /** What the runtime's own tools take: Docker's id, LXC's name, the VMID of Proxmox. */
  container_id: string;
  bridge: string;
  /** RFC 3339; null while the port is not usable yet. */
  created_at: string | null;
  /** Path of the binding file. */
  bind_mount: string;
}

export interface BoundNic {
  port: string;
  interface: string;
  bridge: string;
  vmid: number;
  runtime: Guest['runtime'];
  guest: string;
  id?: string | undefined;
  since?: string | undefined;
}

export function interfaceBinding(nic: BoundNic, path: string): InterfaceBinding {
  return {
    proxmox_veth: factsOfGuest(nic.runtime).isDeviceOurs ? null : nic.interface,
    ovs_interface: nic.port,
    vmid: nic.vmid,
    container_id: containerId(nic),
    bridge: nic.bridge,
    created_at: nic.since ?? null,
    bind_mount: path,
  };
}

function containerId({ runtime, vmid, guest, id }: BoundNic): string {
  return factsOfGuest(runtime).isKnownByVmid ? String(vmid) : (id ?? guest);
}
