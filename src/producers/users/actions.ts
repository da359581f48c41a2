// What the ledger says of people: who called the agent, and who logged in.

import { z } from 'zod';
import { actionsOf, type LedgerProducer } from '../../core/ledger/producer.ts';
import { whoSchema } from './who.ts';

const text = z.string();
const session = {
  session: text,
  uid: z.number().optional(),
  user: text.optional(),
};

export const USERS = {
  name: 'users',
  categories: ['access', 'authorization', 'session'],
  actions: {
    ...actionsOf('access', {
      call_made: z.strictObject({
        method: text,
        arguments: z.array(z.union([text, z.number()])),
        outcome: z.enum(['done', 'failed']),
        /** Of the error. */
        code: text.optional(),
        by: whoSchema,
        /** Calls that came too fast to be told one by one. */
        left_out: z.number().optional(),
      }),
    }),
    ...actionsOf('authorization', {
      call_refused: z.strictObject({ method: text, by: whoSchema, left_out: z.number().optional() }),
    }),
    ...actionsOf('session', {
      session_opened: z.strictObject({
        ...session,
        type: text.optional(),
        service: text.optional(),
        tty: text.optional(),
        remote_host: text.optional(),
        remote_user: text.optional(),
        leader: z.number().optional(),
      }),
      session_closed: z.strictObject(session),
    }),
  },
} satisfies LedgerProducer;
