// What the methods that look at the host and its bridges answer. Null stands for what cannot be known here. Descriptions are the
// tables of docs/dbus.md.

import { z } from 'zod';
import { DRIVER_WORDS, RUNTIME_WORDS } from './words.ts';

/** `GetInterfaceBindings`: by the name of the port. */
export const interfaceBindingsSchema = z.record(
  z.string(),
  z.looseObject({
    proxmox_veth: z
      .string()
      .nullable()
      .describe(
        'the device that Proxmox or LXC made, or that was given by hand; `null` for a pair that the agent made',
      ),
    ovs_interface: z.string().describe("name of the guest's NIC on the switch: `vi<VMID>`"),
    vmid: z.number().describe('VMID of the guest'),
    container_id: z
      .string()
      .describe("what the runtime's own tools take: Docker's id, LXC's name, Proxmox's VMID"),
    bridge: z.string().describe('name of the bridge'),
    created_at: z
      .string()
      .nullable()
      .describe('when the port became usable, RFC 3339; `null` while it is not usable yet'),
    bind_mount: z.string().describe('path of the [binding file](ports.md#files-for-tools-that-read-files)'),
  }),
);

/** `GetSystemNetworkState`. */
export const networkStateSchema = z.looseObject({
  networkmanager: z
    .looseObject({
      version: z.string().nullable().describe('its version; `null` without NetworkManager'),
      state: z.string().describe('in the words of `nmcli general`, or `absent`'),
      connectivity: z
        .string()
        .nullable()
        .describe('in the words of `nmcli general`; `null` without NetworkManager'),
      active_connections: z.number().describe('how many profiles are active; 0 without NetworkManager'),
      total_connections: z.number().describe('how many profiles there are; 0 without NetworkManager'),
      devices: z.number().describe('how many devices it knows; 0 without NetworkManager'),
    })
    .describe("NetworkManager's own properties"),
  ovs_bridges: z
    .array(
      z.looseObject({
        name: z.string().describe('name of the bridge'),
        ports: z
          .array(z.string())
          .default([])
          .describe("names of its ports without the bridge's own, as `ovs-vsctl list-ports` has them"),
        interfaces: z.array(z.string()).default([]).describe('names of the interfaces of these ports'),
        active: z.boolean().default(false).describe('whether the bridge is [active](#looking-at-the-host)'),
        datapath_type: z.string().default('').describe('`system` (kernel) or `netdev` (user space)'),
      }),
    )
    .nullable()
    .describe('all bridges of Open vSwitch; `null` while its database does not answer'),
  interface_bindings: interfaceBindingsSchema
    .default({})
    .describe('which device belongs to which guest, by port'),
  connectivity_status: z
    .looseObject({
      internet_reachable: z
        .boolean()
        .nullable()
        .describe(
          "what NetworkManager's connectivity check found; `null` where it makes no check: the agent itself sends nothing to the internet",
        ),
      dns_working: z
        .boolean()
        .nullable()
        .describe('`true` when that check went well and had a name to look up; else `null`'),
      default_route: z
        .string()
        .nullable()
        .describe('`via 192.0.2.1 dev eth0`: the route that the kernel prefers, IPv4 first; or `none`'),
      uplink_status: z
        .string()
        .nullable()
        .describe("its device and the device's `operstate`: `eth0 up`; or `none`"),
    })
    .describe('the way out'),
  timestamp: z.string().optional().describe('when that was, RFC 3339'),
});
export type NetworkStateView = z.infer<typeof networkStateSchema>;

const text = z.string().nullable();
const number = z.number().nullable();

/** `GetBridgeTopology`. */
export const topologySchema = z.looseObject({
  interfaces: z.array(z.string()).default([]).describe("names of the interfaces, without the bridge's own"),
  nm_connection: z
    .string()
    .describe('what NetworkManager calls its profile of the bridge; empty without one'),
  ovs_show: z.string().default('').describe('the tree that `ovs-vsctl show` draws'),
  ports: z.array(z.string()).default([]).describe("names of the ports, without the bridge's own"),
  details: z
    .looseObject({
      owner: text.describe(
        'who makes the bridge anew after a boot: `networkmanager`, `ovs-port-agent`, `ifupdown`, `other`',
      ),
      driver: text.describe(
        `who changes its ports for the agent: ${DRIVER_WORDS}; \`null\`: nobody can, for \`obstacle\``,
      ),
      obstacle: text.describe('why nobody can change its ports'),
      nm_connection_uuid: text.optional().describe('UUID of the profile'),
      datapath_type: z.string().describe('`system` (kernel) or `netdev` (user space)'),
      ovs_version: text.describe('version of Open vSwitch'),
      active: z.boolean().describe('whether the bridge is [active](#looking-at-the-host)'),
      problem: text.describe('why it is not active'),
      ports: z
        .array(
          z.looseObject({
            port: z.string().describe('name of the port'),
            row: text
              .optional()
              .describe("name of its row in OVSDB; `null` when a guest's port should be there and is not"),
            interfaces: z.array(z.string()).describe('names of its interfaces; more than one in a bond'),
            type: text
              .optional()
              .describe("the interface's type in OVSDB, such as `system` or `internal`; `null` for a bond"),
            tag: number.describe('VLAN of untagged frames'),
            trunks: z.array(z.number()).default([]).describe('VLANs that pass with their tag'),
            vlan_mode: text.optional().describe('`vlan_mode` of the row in OVSDB'),
            ofport: number.optional().describe('OpenFlow number'),
            error: text.optional().describe('what `ovs-vswitchd` says is wrong with an interface'),
            operstate: text.describe("the kernel's state of the device, such as `up`"),
            guest: text.describe('name of the guest'),
            vmid: number.optional().describe('VMID of the guest'),
            nic: number.optional().describe("number of the guest's NIC, from 0"),
            runtime: text.describe(RUNTIME_WORDS),
            driver: text.describe(`who changes the port: ${DRIVER_WORDS}`),
            since: text.optional().describe('when the port became usable, RFC 3339'),
            problem: text.describe('what is wrong with the port'),
          }),
        )
        .describe("every port but the bridge's own, and those that guests should have and have not"),
    })
    .describe('the bridge and its ports in full'),
});
export type TopologyView = z.infer<typeof topologySchema>;

/** `ValidateBridgeConnectivity`. */
export const validationSchema = z.looseObject({
  bridge_active: z.boolean().describe('it is [active](#looking-at-the-host)'),
  bridge_synchronization: z
    .record(z.string(), z.boolean())
    .describe(
      "by port: whether its device is there and opened without an error. For a guest's port also: the marks on it are those of the running guest, and its VLANs are those of the guest's configuration. A port that a guest should have and the bridge has not is `false`",
    ),
  connectivity_preserved: z.boolean().describe('the bridge is active and all its ports are right'),
  nm_connection_exists: z.boolean().describe('NetworkManager has a profile of it'),
  ovs_bridge_exists: z.boolean().describe('Open vSwitch has a bridge of this name'),
});
export type ValidationView = z.infer<typeof validationSchema>;
