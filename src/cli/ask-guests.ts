// Asks the agent for every guest that it knows.

import { type GuestRow, guestsSchema } from '../api/answers/guests.ts';
import { jsonAnswer, notUnderstood } from './agent-call.ts';
import type { Context } from './verb.ts';

const MEMBER = 'DescribeGuests';

/** In no particular order. */
export async function askGuests({ callAgent }: Pick<Context, 'callAgent'>): Promise<GuestRow[]> {
  const answer = jsonAnswer(MEMBER, await callAgent({ member: MEMBER }));
  const rows = guestsSchema.safeParse(answer);
  if (!rows.success) throw notUnderstood(MEMBER);
  return rows.data;
}
