// One question to the Docker engine: with a deadline, and with an answer that is understood or an error.

import type { z } from 'zod';
import { withDeadline } from '../../core/lib/deadline.ts';
import { AgentError } from '../../core/lib/errors.ts';

const DEADLINE_MS = 10_000;

/** Throws `docker-unreachable` for whatever goes wrong. */
export const call = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await withDeadline(DEADLINE_MS, `Docker's ${what}`, work);
  } catch (error) {
    throw new AgentError('docker-unreachable', `Docker did not answer ${what}`, { cause: error });
  }
};

/** What the engine lists, which is more than it gives of one container: that one of them is odd hides all. */
export const list = async <T>(
  what: string,
  schema: z.ZodType<T>,
  ask: () => Promise<unknown>,
): Promise<T> => {
  const parsed = schema.safeParse(await call(what, ask));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = `${issue?.path.join('.')}: ${issue?.message}`;
  throw new AgentError('docker-unreachable', `What Docker answers ${what} is not understood: ${where}`);
};

/** Undefined when Docker has no such thing. */
export const found = <T>(what: string, ask: () => Promise<T>): Promise<T | undefined> =>
  call(what, async () => {
    try {
      return await ask();
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return undefined;
      throw error;
    }
  });
