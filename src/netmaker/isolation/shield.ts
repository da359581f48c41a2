// Keeps what guests send away from the host's own IP stack, where the switch runs in user space.
//
// On the netdev datapath the kernel hands a frame to ovs-vswitchd and goes on with it itself, as with any other network
// device (Open vSwitch, intro/install/userspace): the host would answer ARP for all of its addresses on the guest's
// link, and take packets in that no rule of the switch has seen. A hook at ingress comes after the copy for the switch.
// The kernel datapath takes the frame away before the IP stack, and the hook would come before that: there is none then.

import { z } from 'zod';
import type { Exec } from '../../core/exec.ts';

const FAMILY = 'netdev';
const TABLE = 'ovs_port_agent';

export interface Shield {
  /** Drops everything that the devices hand to the host; a device that is gone meanwhile throws `exec-failed`. */
  set(devices: readonly string[]): Promise<void>;
  /** Devices that are shielded now: a firewall reload may have taken all of it away. */
  shielded(): Promise<ReadonlySet<string>>;
  /** Takes these off; the table goes with the last. What is gone already is fine. */
  unset(devices: readonly string[]): Promise<void>;
}

const listSchema = z.object({
  nftables: z.array(z.object({ chain: z.object({ table: z.string(), name: z.string() }).optional() })),
});

export function openShield(exec: Exec): Shield {
  const apply = (commands: readonly object[]) =>
    exec('nft', ['-j', '-f', '-'], { input: JSON.stringify({ nftables: commands }) });
  const table = { family: FAMILY, name: TABLE };
  const shielded = async (): Promise<Set<string>> => {
    const text = await exec('nft', ['-j', 'list', 'chains', FAMILY]);
    const { nftables } = listSchema.parse(JSON.parse(text));
    return new Set(nftables.flatMap(({ chain }) => (chain?.table === TABLE ? [chain.name] : [])));
  };

  return {
    shielded,
    async set(devices) {
      if (devices.length === 0) return;
      const chains = devices.map((device) => ({
        add: {
          chain: {
            family: FAMILY,
            table: TABLE,
            name: device,
            type: 'filter',
            hook: 'ingress',
            dev: device,
            prio: 0,
            policy: 'drop',
          },
        },
      }));
      await apply([{ add: { table } }, ...chains]);
    },
    async unset(devices) {
      const present = await shielded();
      const gone = devices.filter((device) => present.has(device));
      if (gone.length === 0) return;
      const isLast = gone.length === present.size;
      await apply(
        isLast
          ? [{ delete: { table } }]
          : gone.map((device) => ({ delete: { chain: { family: FAMILY, table: TABLE, name: device } } })),
      );
    },
  };
}
