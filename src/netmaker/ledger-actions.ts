// What the ledger says of public addresses and of the mesh of Netmaker's containers.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../core/ledger/producer.ts';
import type { JsonObject } from '../core/lib/json.ts';
import type { MeshAction } from './wireguard/changes.ts';

const text = z.string();
const texts = z.array(text);
const count = z.number();
const orNull = text.nullable();

const gateway = {
  bridge: text,
  mode: text,
  published: texts,
};
const changed = z.strictObject({ ...gateway, changes: texts });

export const PUBLIC_ADDRESSES = {
  name: 'public addresses',
  categories: ['connectivity'],
  actions: actionsOf('connectivity', {
    gateway_set: changed,
    gateway_closed: changed,
    gateway_set_failed: z.strictObject({ ...gateway, code: text, error: text }),
    lease_released: z.strictObject({ key: text }),
    endpoint_attested: z.strictObject({
      guest: text,
      container_id: text,
      port: text,
      mode: text,
      addresses: texts,
      server: orNull,
      rtt_ms: count.nullable(),
      verdict: text,
      mapped: orNull,
      local: orNull,
      reason: text,
    }),
  }),
} satisfies LedgerProducer;

const container = { guest: text, container_id: text, port: text };
const peer = { ...container, interface: text, public_key: text };
const handshake = z.strictObject({ ...peer, endpoint: orNull, last_handshake: orNull });

const MESH_SHAPES: Record<MeshAction, z.ZodType> = {
  container_restarted: z.strictObject({
    ...container,
    restarts: count,
    started_at: text,
    started_at_before: text,
  }),
  health_changed: z.strictObject({ ...container, from: text, to: text }),
  wireguard_interface_appeared: z.strictObject({
    ...container,
    interface: text,
    source: text,
    listen_port: count.nullable(),
    peers: count,
    fresh: count,
    public_keys: texts,
  }),
  wireguard_interface_vanished: z.strictObject({ ...container, interface: text }),
  peer_appeared: z.strictObject({ ...peer, endpoint: orNull, handshake: text }),
  peer_vanished: z.strictObject(peer),
  endpoint_changed: z.strictObject({ ...peer, from: orNull, to: orNull }),
  handshake_fresh: handshake,
  handshake_stale: handshake,
  mesh_changes_summed: z.strictObject({ ...container, changes: count, actions: z.record(text, count) }),
};

export const MESH = {
  name: 'mesh',
  categories: ['connectivity'],
  // What `meshChanges` makes is put together there; tests compare it with these.
  actions: actionsOf('connectivity', MESH_SHAPES as Record<MeshAction, z.ZodType<JsonObject, JsonObject>>),
} satisfies LedgerProducer;
