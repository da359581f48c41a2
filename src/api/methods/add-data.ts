// The D-Bus method by which other programs of root have something recorded in the ledger.

import { z } from 'zod';
import { ACTION } from '../../core/ledger/block.ts';
import { homeCategory, knownCategoryNames } from '../../core/ledger/category-names.ts';
import { canonical, type Entry, type Ledger } from '../../core/ledger/index.ts';
import { undeclared } from '../../core/ledger/producer.ts';
import { redact } from '../../core/ledger/redact.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { Json } from '../../core/lib/json.ts';
import { tokenBuckets } from '../../core/lib/token-buckets.ts';
import { text } from '../arguments.ts';
import { LEDGER_ACTIONS } from '../ledger-producers.ts';
import { type Method, method } from '../method.ts';

/** Bytes of the JSON text. */
const DATA_MAX = 32 * 1024;
/** Bytes of the same in the block: it holds that with all that stands around it, so nothing is ever shortened. */
const WRITTEN_MAX = 48 * 1024;
const TOO_LONG = `data has at most ${DATA_MAX} bytes`;
/** Of each user: a burst, and what comes back. A ledger is for ever, and every block is on the disk before its answer. */
const RATE = { perSecond: 1, burst: 60, sources: 16 };

/** What clients of the older interface read the hash behind. */
const ADDED = 'Data added to blockchain with hash: ';

/**
 * Answers the hash of the block, in the words of the older interface.
 *
 * @param secretNames beside the built-in ones: what stands under them is not recorded
 */
export function addBlockchainData(
  ledger: Pick<Ledger, 'append'>,
  secretNames: readonly string[] = [],
  steady: () => number = () => performance.now(),
): Method {
  const takeToken = tokenBuckets(RATE);
  return method({
    name: 'add_blockchain_data',
    in: [text('category'), text('action'), text('json')],
    out: text('answer'),
    unattended: true,
    changes: 'itself',
    answer: () => z.string().startsWith(ADDED),
    schema: z.tuple([
      z.string().transform((name, context) => {
        const category = homeCategory(name);
        if (category !== undefined) return category;
        context.addIssue(
          `there is no category ${JSON.stringify(name.slice(0, 64))}; there are ${knownCategoryNames()}`,
        );
        return z.NEVER;
      }),
      z
        .string()
        .regex(ACTION, 'an action has letters, digits and _ . : - only, at most 128')
        .refine(
          (action) => !LEDGER_ACTIONS.has(action),
          "the action is one of the agent's own: choose another",
        ),
      z
        .string()
        .refine((json) => Buffer.byteLength(json) <= DATA_MAX, TOO_LONG)
        .transform((json, context) => {
          try {
            const data = redact(JSON.parse(json) as Json, secretNames);
            // Numbers may have more digits there, 9E15 is sixteen; and what stands for a secret may be longer than it.
            if (Buffer.byteLength(canonical(data)) <= WRITTEN_MAX) return data;
            throw new AgentError('bad-argument', TOO_LONG);
          } catch (error) {
            context.addIssue(error instanceof AgentError ? error.message : 'data must be one JSON document');
            return z.NEVER;
          }
        }),
    ]),
    run: async ([category, action, data], { user, pid, about }) => {
      if (!takeToken(user, steady()))
        throw new AgentError(
          'too-many-entries',
          `The ledger takes ${RATE.burst} entries of one user at once, then one a second; nothing was recorded`,
        );
      const entry: Entry = { category, action, data, metadata: { source: 'dbus', ...about }, user, pid };
      const { hash } = await ledger.append(undeclared(entry));
      return ADDED + hash;
    },
  });
}
