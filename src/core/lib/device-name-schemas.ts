// Names of network devices and bridges, as schemas.
import * as z from 'zod/mini';
import { bridgeNameProblem, kernelNameProblem } from './device-name.ts';

/** A name that the kernel accepts for a network device: 1 to 15 characters. */
export const interfaceNameSchema = nameSchema('an interface name', kernelNameProblem);

/** A name that an OVS bridge, and so its internal port, may have. */
export const bridgeNameSchema = nameSchema('a bridge name', bridgeNameProblem);

function nameSchema(noun: string, problemOf: (name: string) => string | undefined) {
  return z.string({ error: `${noun} must be a text` }).check((context) => {
    const problem = problemOf(context.value);
    if (problem !== undefined)
      context.issues.push({ code: 'custom', message: problem, input: context.value });
  });
}
