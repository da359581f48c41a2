// The kinds of keys a configuration has, each with the message for what it does not accept.
import * as z from 'zod';
import { bridgeNameProblem, kernelNameProblem } from './device-name.ts';

/** A table without other keys. */
export function table<S extends z.core.$ZodLooseShape>(shape: S) {
  // An unknown key's own issue carries no message of ours, so that `problems.ts` can say which key was meant.
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? 'must be a table' : undefined),
  });
}

export function flag(byDefault: boolean) {
  return z.boolean({ error: 'must be true or false' }).default(byDefault);
}

export function whole(min: number, max: number, unit: string, byDefault: number) {
  const error = `must be a whole number of ${unit} from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).default(byDefault);
}

export function oneOf<const T extends readonly string[]>(...values: T) {
  return z.enum(values, { error: `must be one of ${values.map((value) => `"${value}"`).join(', ')}` });
}

export function path(byDefault: string) {
  const error = 'must be an absolute path';
  return z
    .string({ error })
    .refine((text) => text.startsWith('/') && !/\p{Cc}/u.test(text), { error })
    .default(byDefault);
}

export function list<T extends z.ZodType>(item: T, error: string) {
  return z.array(item, { error });
}

export function bridgeName() {
  return checkedText('must be a bridge name', bridgeNameProblem);
}

export function interfaceName() {
  return checkedText('must be an interface name', kernelNameProblem);
}

/** A text about which the function says what is wrong, if anything. */
export function checkedText(error: string, problemOf: (text: string) => string | undefined) {
  return z.string({ error }).superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== undefined) context.addIssue(problem);
  });
}
