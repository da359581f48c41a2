// What the ledger says of steps: the intent, and the outcome that it came to.

import { z } from 'zod';
import type { Category } from '../core/ledger/categories.ts';
import type { ActionShape, LedgerProducer } from '../core/ledger/producer.ts';
import type { JsonObject } from '../core/lib/json.ts';
import { STEP_ACTIONS, type StepAction, type StepKind } from '../core/plan/steps.ts';

type Shape = Record<string, z.ZodType>;

const text = z.string();
const texts = z.array(text);
const count = z.number();
const reason = text;

const port = {
  port: text,
  row: text.optional(),
  interface: text,
  bridge: text,
  vmid: count,
  guest: text,
  runtime: text,
};
const driven = { driver: text };
const plugged = { driver: text, ofport: count, attempts: count };
const unplugged = { port: text, row: text.optional(), interface: text, bridge: text, reason };

/** By kind: what `stepData` says, and what a step that was done says besides (`executors`). */
const STEP_SHAPES: Record<StepKind, readonly [intent: Shape, done: Shape]> = {
  create_bridge: [{ bridge: text }, { ...driven, datapath_type: text }],
  restore_bridge: [{ bridge: text }, { ...driven, addresses: texts }],
  create_veth: [
    { ...port, guest_interface: text, mac: text, why: text.optional() },
    { mtu: count.optional() },
  ],
  configure_guest: [
    { ...port, guest_interface: text, addresses: texts, gateways: texts },
    { tx_offload: z.enum(['off', 'unchanged']) },
  ],
  disable_offload: [port, { guest_interface: text }],
  attach_port: [port, plugged],
  adopt_port: [{ ...port, former_port: text }, plugged],
  mark_port: [port, driven],
  hand_back_port: [
    { ...port, former_port: text },
    { ...driven, ofport: count.optional(), attempts: count.optional(), taken: z.literal(true).optional() },
  ],
  guard_port: [
    {
      ...port,
      mac: text,
      addresses: texts,
      isolate: z.boolean(),
      allow_in: texts,
      rate_in: count.nullable(),
      rate_out: count.nullable(),
    },
    { ofport: count },
  ],
  announce_addresses: [{ ...port, group: text.nullable(), addresses: texts }, { mac: text.optional() }],
  unguard_port: [{ port: text, bridge: text, vmid: count, reason }, {}],
  detach_port: [unplugged, driven],
  release_port: [unplugged, driven],
  drop_profiles: [{ port: text, bridge: text, profiles: texts, reason }, driven],
  delete_veth: [{ port: text, interface: text, reason }, {}],
};

/** Many NICs in one transaction have one block: at a stop for good, and before Proxmox looks for its names. */
const MANY: Shape = {
  ports: z.array(z.strictObject({ port: text, row: text })),
  vmid: count.optional(),
  reason: reason.optional(),
};

function shapesOf(kind: StepKind): Record<string, ActionShape> {
  const { category, intent, done, failed } = STEP_ACTIONS[kind];
  const [begun, more] = STEP_SHAPES[kind];
  const isOfMany = kind === 'hand_back_port';
  const shape = (one: Shape, many: Shape): ActionShape => ({
    category,
    data: isOfMany
      ? z.union([z.strictObject({ ...begun, ...one }), z.strictObject({ ...MANY, ...many })])
      : z.strictObject({ ...begun, ...one }),
  });
  return {
    [intent]: shape({}, {}),
    [done]: shape({ ...more, ms: count }, driven),
    [failed]: shape({ code: text, error: text, ms: count }, { error: text }),
    [`${intent}_interrupted`]: shape({ present_now: z.boolean() }, { present_now: z.boolean() }),
  };
}

const KINDS = Object.keys(STEP_ACTIONS) as StepKind[];

export const STEPS = {
  name: 'steps',
  categories: [...new Set(KINDS.map((kind) => STEP_ACTIONS[kind].category))],
  // What a step says is put together by `stepData` and the executors; tests compare it with these.
  actions: Object.assign({}, ...KINDS.map(shapesOf)) as Record<
    StepAction,
    ActionShape<Category, z.ZodType<JsonObject, JsonObject>>
  >,
} satisfies LedgerProducer;
