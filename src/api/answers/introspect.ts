// What the methods that look at the host and its bridges answer. Null stands for what cannot be known here.

import { z } from 'zod';

/** `GetInterfaceBindings`: by the name of the port. */
export const interfaceBindingsSchema = z.record(
  z.string(),
  z.looseObject({
    proxmox_veth: z.string().nullable(),
    ovs_interface: z.string(),
    vmid: z.number(),
    container_id: z.string(),
    bridge: z.string(),
    /** RFC 3339; null while the port is not usable yet. */
    created_at: z.string().nullable(),
    /** Path of the binding file. */
    bind_mount: z.string(),
  }),
);

/** `GetSystemNetworkState`. */
export const networkStateSchema = z.looseObject({
  networkmanager: z.looseObject({
    version: z.string().nullable(),
    /** In the words of `nmcli general`, or `absent`. */
    state: z.string(),
    connectivity: z.string().nullable(),
    active_connections: z.number(),
    total_connections: z.number(),
    devices: z.number(),
  }),
  /** Null while OVSDB is not connected. */
  ovs_bridges: z
    .array(
      z.looseObject({
        name: z.string(),
        ports: z.array(z.string()).default([]),
        interfaces: z.array(z.string()).default([]),
        active: z.boolean().default(false),
        datapath_type: z.string().default(''),
      }),
    )
    .nullable(),
  interface_bindings: interfaceBindingsSchema.default({}),
  connectivity_status: z.looseObject({
    internet_reachable: z.boolean().nullable(),
    dns_working: z.boolean().nullable(),
    default_route: z.string().nullable(),
    uplink_status: z.string().nullable(),
  }),
  /** RFC 3339. */
  timestamp: z.string().optional(),
});
export type NetworkStateView = z.infer<typeof networkStateSchema>;

const text = z.string().nullable();
const number = z.number().nullable();

/** `GetBridgeTopology`. */
export const topologySchema = z.looseObject({
  interfaces: z.array(z.string()).default([]),
  /** What NetworkManager calls its profile of the bridge; empty when it has none. */
  nm_connection: z.string(),
  ovs_show: z.string().default(''),
  ports: z.array(z.string()).default([]),
  details: z.looseObject({
    /** Who makes the bridge anew after a boot. */
    owner: text,
    /** Who changes its ports for us, or null: then `obstacle` says why nobody can. */
    driver: text,
    obstacle: text,
    nm_connection_uuid: text.optional(),
    datapath_type: z.string(),
    ovs_version: text,
    active: z.boolean(),
    problem: text,
    ports: z.array(
      z.looseObject({
        port: z.string(),
        /** Name of the row in OVSDB; null when a guest's port should be there and is not. */
        row: text.optional(),
        interfaces: z.array(z.string()),
        type: text.optional(),
        tag: number,
        trunks: z.array(z.number()).default([]),
        vlan_mode: text.optional(),
        ofport: number.optional(),
        error: text.optional(),
        operstate: text,
        guest: text,
        vmid: number.optional(),
        nic: number.optional(),
        runtime: text,
        driver: text,
        since: text.optional(),
        problem: text,
      }),
    ),
  }),
});
export type TopologyView = z.infer<typeof topologySchema>;

/** `ValidateBridgeConnectivity`. */
export const validationSchema = z.looseObject({
  bridge_active: z.boolean(),
  /** Each port of the bridge, but its own: whether it works and fits its guest. */
  bridge_synchronization: z.record(z.string(), z.boolean()),
  /** The bridge and all of its ports. */
  connectivity_preserved: z.boolean(),
  nm_connection_exists: z.boolean(),
  ovs_bridge_exists: z.boolean(),
});
export type ValidationView = z.infer<typeof validationSchema>;
