// A guest's NIC as its configuration describes it.

export interface Nic {
  /** Absent: QEMU then uses its own NAT and makes no tap; a container without one does not start. */
  readonly bridge?: string;
  /** As written; the host end has another one. */
  readonly mac?: string;
  /** VLAN id 1–4094. */
  readonly tag?: number;
  /** As written: `1;2;10-20` (ranges for VMs only). See `trunkIds`. */
  readonly trunks?: string;
  readonly firewall: boolean;
  /** A container's NIC with its link down is not plugged into the bridge at all. */
  readonly linkDown: boolean;
  readonly mtu?: number;
  /** Megabytes per second. */
  readonly rate?: number;
  /** QEMU: the NIC's model. */
  readonly model?: string;
  readonly queues?: number;
  readonly hostTunnel?: boolean;
  /** LXC: the interface's name inside the container. */
  readonly name?: string;
  readonly type?: string;
  readonly ip?: string;
  readonly gw?: string;
  readonly ip6?: string;
  readonly gw6?: string;
  readonly hostManaged?: boolean;
}

/** A netX line that Proxmox would refuse: what is wrong with it. */
export interface NicProblem {
  readonly problem: string;
}

export function isNicProblem(nic: Nic | NicProblem): nic is NicProblem {
  return 'problem' in nic;
}

/** VLAN ids of a `trunks` value, ascending, without those OVS cannot hold (column `trunks`: 0–4095). */
export function trunkIds(trunks: string): number[] {
  const ids = new Set<number>();
  for (const part of trunks.split(';')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) continue;
    for (let id = Number(first); id <= Math.min(Number(last), 4095); id++) ids.add(id);
  }
  return [...ids].sort((a, b) => a - b);
}
