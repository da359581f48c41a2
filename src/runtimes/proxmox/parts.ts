// What the source of Proxmox guests asks of the host, of Open vSwitch and of what the agent remembers.

import type { DesiredPort } from '../../core/plan/desired.ts';
import type { DesiredGuest } from '../../state/desired-state.ts';
import type { HolderOf, PortMode } from './nic.ts';

export interface ProxmoxParts {
  /** `/etc/pve`. */
  root: string;
  mode: PortMode;
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Whether the name is not that of something else: an OVS bridge has it, will have it, or has gone and is waited for. */
  isOvsBridge: (name: string) => boolean;
  /** Whether Open vSwitch has no bridge of that name: nobody can be about to plug a NIC into it. */
  isBridgeGone: (name: string) => boolean;
  holderOf: HolderOf;
  /** Whether the port was asked for when the very device that has the name now was there. */
  isForThisLink: (port: DesiredPort) => Promise<boolean>;
  /** Bytes; what Proxmox asks of a port is the MTU of its bridge. */
  bridgeMtu: (bridge: string) => Promise<number | undefined>;
  /** The bridge of the kernel that a device is plugged into. */
  kernelBridgeOf: (device: string) => Promise<string | undefined>;
  /** Milliseconds for which a container's NICs are Proxmox's to change, `Infinity` while it does not say that it is done. */
  asideFor: (vmid: number) => number;
  /** The container starts: Proxmox has no change of its NICs to make any more. */
  onStart: (vmid: number) => void;
  /** Whether nobody tells when Proxmox is about to change a running container. */
  isBlind: () => boolean;
  /** Milliseconds since the guest's configuration was written; undefined when it cannot be told. */
  configAge: (vmid: number) => Promise<number | undefined>;
  desiredGuest: (key: string) => DesiredGuest | undefined;
  desiredGuests: () => readonly DesiredGuest[];
}
