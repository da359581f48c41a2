// The columns of the Open_vSwitch schema that we read, as zod schemas (ovs-vswitchd.conf.db(5)).

import { z } from 'zod';
import { mapColumn, numbersColumn, optionalNumber, optionalString, stringsColumn } from './values.ts';

export const rowSchemas = {
  Open_vSwitch: z.object({
    datapath_types: stringsColumn.optional(),
    ovs_version: optionalString.optional(),
    cur_cfg: z.number().optional(),
  }),
  Bridge: z.object({
    name: z.string(),
    ports: stringsColumn,
    datapath_type: z.string(),
    datapath_id: optionalString.optional(),
    stp_enable: z.boolean().optional(),
    rstp_enable: z.boolean().optional(),
    mcast_snooping_enable: z.boolean().optional(),
    fail_mode: optionalString.optional(),
    protocols: stringsColumn.optional(),
    controller: stringsColumn.optional(),
    other_config: mapColumn.optional(),
    external_ids: mapColumn,
  }),
  Port: z.object({
    name: z.string(),
    interfaces: stringsColumn,
    tag: optionalNumber,
    trunks: numbersColumn,
    vlan_mode: optionalString,
    qos: optionalString,
    cvlans: numbersColumn,
    protected: z.boolean(),
    other_config: mapColumn,
    external_ids: mapColumn,
  }),
  Interface: z.object({
    name: z.string(),
    type: z.string(),
    ofport: optionalNumber,
    error: optionalString,
    mac_in_use: optionalString,
    mtu_request: optionalNumber,
    /** The kernel's index of the device; 0 or none while there is no such device. */
    ifindex: optionalNumber.optional(),
    external_ids: mapColumn,
  }),
  Controller: z.object({ target: z.string() }),
  Mirror: z.object({
    name: z.string(),
    select_src_port: stringsColumn,
    select_dst_port: stringsColumn,
    output_port: optionalString,
  }),
} as const;

export type TableName = keyof typeof rowSchemas;
export type Row<T extends TableName> = z.infer<(typeof rowSchemas)[T]> & { uuid: string };

/** Tables and columns to monitor. `statistics` and `status` stay out: they change every few seconds. */
export const MONITORED: Record<TableName, string[]> = Object.fromEntries(
  Object.entries(rowSchemas).map(([table, schema]) => [table, Object.keys(schema.shape)]),
) as Record<TableName, string[]>;
