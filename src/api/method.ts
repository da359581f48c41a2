// What a method of ours is: its name, its shapes, and what it does.

import type { z } from 'zod';
import type { Caller } from '../core/events/caller.ts';

/** One method. `out` is its D-Bus return signature; the answer is a list that fits it. */
export interface Method {
  /** snake_case; the PascalCase name is made from it. */
  name: string;
  in: readonly { name: string; type: string }[];
  out: readonly { name: string; type: string }[];
  /** Checks and types the arguments. */
  schema: z.ZodType<unknown[]>;
  run(args: never, caller: Caller): Promise<unknown[]>;
}

/** Types one entry of the table: the schema's output is what `run` gets. */
export function method<Args extends unknown[]>(definition: {
  name: string;
  in: Method['in'];
  out: Method['out'];
  schema: z.ZodType<Args>;
  run(args: Args, caller: Caller): Promise<unknown[]>;
}): Method {
  return definition as Method;
}
