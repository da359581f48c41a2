// Everything that the agent writes into the ledger, in one list: a new producer is its own file and a line here.

import { z } from 'zod';
import { CATEGORIES, type Category } from '../core/ledger/categories.ts';
import { LEDGER_EVIDENCE } from '../core/ledger/checkpoint/actions.ts';
import { LEDGER_FILE } from '../core/ledger/file-actions.ts';
import { LEDGER_IMPORT } from '../core/ledger/imported/actions.ts';
import { type ActionShape, actionsOf, type LedgerProducer } from '../core/ledger/producer.ts';
import { MESH, PUBLIC_ADDRESSES } from '../netmaker/ledger-actions.ts';
import { EXTERNAL } from '../producers/external/actions.ts';
import { SETTINGS } from '../producers/settings/actions.ts';
import { STORAGE } from '../producers/storage/actions.ts';
import { USERS } from '../producers/users/actions.ts';
import { EVENTS, PORTS } from '../reconcile/event-actions.ts';
import { STEPS } from '../reconcile/step-actions.ts';
import { RECONCILES, VMIDS } from '../state/ledger-actions.ts';

const text = z.string();
const enrolled = z.strictObject({
  vmid: z.number(),
  kind: z.enum(['qemu', 'lxc']),
  name: text.optional(),
  former: text.optional(),
});

/** The agent's own life, its configuration, and what the command line has recorded. */
export const AGENT = {
  name: 'agent',
  categories: ['lifecycle', 'config'],
  actions: {
    ...actionsOf('lifecycle', {
      agent_started: z.strictObject({ version: text, node: text, config_warnings: z.array(text) }),
      agent_stopped: z.strictObject({ reason: text }),
      hookscript_enrolled: enrolled,
      hookscript_unenrolled: enrolled,
    }),
    ...actionsOf('config', {
      config_reloaded: z.strictObject({ changes: z.array(text), wait_for_restart: z.array(text) }),
    }),
  },
} satisfies LedgerProducer;

export const PRODUCERS: readonly LedgerProducer[] = [
  EVENTS,
  RECONCILES,
  STEPS,
  PORTS,
  VMIDS,
  AGENT,
  LEDGER_FILE,
  LEDGER_IMPORT,
  LEDGER_EVIDENCE,
  PUBLIC_ADDRESSES,
  MESH,
  SETTINGS,
  USERS,
  STORAGE,
  EXTERNAL,
];

/**
 * Categories that programs of others may write in: those that nobody of ours does, so that nothing they say can be taken for
 * the agent's word.
 */
export const OPEN_CATEGORIES: readonly Category[] = CATEGORIES.filter((category) =>
  PRODUCERS.every(({ categories }) => !categories.includes(category)),
);

/** By action. */
export const LEDGER_ACTIONS: ReadonlyMap<string, ActionShape> = new Map(
  PRODUCERS.flatMap(({ actions }) => Object.entries(actions)),
);
