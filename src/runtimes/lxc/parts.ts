// What the source of plain LXC containers asks of the host, of LXC and of what the agent remembers.

import type { Vlan } from '../../core/plan/desired.ts';
import type { DesiredGuest } from '../../state/desired-state.ts';
import type { Resolution } from '../source.ts';
import type { LxcContainer } from './containers.ts';

export interface LxcParts {
  /** `/var/lib/lxc`: where a container's configuration is when the hook does not say. */
  root: string;
  /** The bridge of a NIC without `lxc.net.N.link`. */
  bridge: string;
  isOvsBridge: (name: string) => boolean;
  linkNames: () => Promise<ReadonlySet<string>>;
  /** Names of the host ends of all veths in the namespaces of these processes; one that is gone has none. */
  hostEndsOf: (pids: readonly number[]) => Promise<ReadonlyMap<number, readonly string[]>>;
  /** Those of root that run, whether or not a hook has told. */
  running: () => Promise<readonly LxcContainer[]>;
  /** Name of the bridge, of either kind, that the device is plugged into now. */
  pluggedInto: (link: string) => Promise<string | undefined>;
  /** What the host itself uses the device for, as the end of a sentence. */
  hostUse: (link: string) => Promise<string | undefined>;
  /** A container of Proxmox starts; one without our hookscript tells by LXC's hook alone. */
  onProxmoxStart: (vmid: number) => void;
  desiredGuest: (key: string) => DesiredGuest | undefined;
  desiredGuests: () => readonly DesiredGuest[];
  /** The guest that the device belongs to. */
  ownerOf: (link: string) => DesiredGuest | undefined;
  vmidFor: (name: string) => Promise<number>;
  /** VLANs of the port that has the device now. */
  vlanOf: (link: string) => Vlan | undefined;
  /** Why a container that runs cannot be a guest at all; undefined when it can again. */
  onProblem: (name: string, reason: string | undefined) => void;
  /** Releases numbers of containers that are gone. */
  reconcileVmids: () => Promise<void>;
  /** What Proxmox says of the container with that number: its own containers run our hooks too. */
  proxmoxContainer: (vmid: number) => Promise<Resolution | undefined>;
  /** Whether the process runs and did so at `at` (RFC 3339): numbers are given out again. */
  ranAt: (pid: number, at: string) => Promise<boolean>;
}
