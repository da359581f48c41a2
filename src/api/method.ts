// What a method of ours is: its name, the shapes of what it takes and answers, and what it does.

import type { z } from 'zod';
import type { Caller } from '../core/events/caller.ts';

type Arguments = readonly { name: string; type: string }[];

export type Changes = 'call' | 'itself';

/** One method. `out` is its D-Bus return signature; the answer is a list that fits it. */
export interface Method {
  /** snake_case; the PascalCase name is made from it. */
  name: string;
  in: Arguments;
  out: Arguments;
  /** Checks and types the arguments. */
  schema: z.ZodType<unknown[]>;
  /**
   * Of what is answered: the document where `isJson` says so, else the value itself. Tests check by it; callers read by it.
   * It is made when somebody asks: the agent itself never does, and so many shapes are a megabyte of memory.
   */
  answer(): z.ZodType | Promise<z.ZodType>;
  /** Whether the answer's string holds one JSON document. */
  isJson: boolean;
  /** Whether it also does its work for a caller who has left, of whom the bus cannot say who that was. */
  unattended?: true;
  /**
   * `itself`: it changes something, and the block that it leads to says who asked. `call`: it changes something, and the call
   * gets a block of its own. Absent: it reads.
   */
  changes?: Changes;
  run(args: never, caller: Caller): Promise<unknown[]>;
}

/** What the agent itself hands out for a loose shape: the keys that are named, and no others. */
export type Answered<T> = T extends readonly (infer E)[]
  ? readonly Answered<E>[]
  : T extends object
    ? { readonly [K in keyof T as string extends K ? (unknown extends T[K] ? never : K) : K]: Answered<T[K]> }
    : T;

interface Definition<Args extends unknown[], Answer extends z.ZodType> {
  name: string;
  in: Arguments;
  schema: z.ZodType<Args>;
  answer: () => Answer | Promise<Answer>;
  unattended?: true;
  changes?: Changes;
  run(args: Args, caller: Caller): Promise<Answered<z.input<Answer>>>;
}

/** A method that answers one plain value of the type in `out`. */
export function method<Args extends unknown[], Answer extends z.ZodType>(
  definition: Definition<Args, Answer> & { out: { name: string; type: string } },
): Method {
  const { out, run, ...rest } = definition;
  return { ...rest, out: [out], isJson: false, run: async (args, caller) => [await run(args, caller)] };
}

/** A method that answers one JSON document. `compact`: in one line, for programs alone. */
export function jsonMethod<Args extends unknown[], Answer extends z.ZodType>(
  definition: Definition<Args, Answer> & { outName?: string; compact?: true },
): Method {
  const { outName = 'json', compact, run, ...rest } = definition;
  return {
    ...rest,
    out: [{ name: outName, type: 's' }],
    isJson: true,
    run: async (args, caller) => [JSON.stringify(await run(args, caller), null, compact ? undefined : 2)],
  };
}
