// The D-Bus method by which the command line has it recorded that a guest got the hookscript, or lost it.

import { z } from 'zod';
import { guestNameProblem } from '../../core/guest/guest.ts';
import { vmidSchema } from '../../core/guest/vmid.ts';
import type { Ledger } from '../../core/ledger/index.ts';
import { entryOf } from '../../core/ledger/producer.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { parseSnippet } from '../../runtimes/proxmox/hookscript/volume.ts';
import { AGENT } from '../ledger-producers.ts';
import { type Method, method } from '../method.ts';

/** More than any true note has. */
const NOTE_MAX = 4096;

const noteSchema = z.strictObject({
  vmid: vmidSchema as unknown as z.ZodType<number>,
  name: z
    .string()
    .refine((name) => guestNameProblem(name) === undefined, 'must be the name of a guest')
    .optional(),
  kind: z.enum(['qemu', 'lxc']),
  result: z.enum(['enrolled', 'unenrolled']),
  /** The hookscript that runs after ours, or that is back. */
  former: z
    .string()
    .refine((volume) => parseSnippet(volume) !== undefined, 'must be the volume id of a snippet')
    .optional(),
});

/** Answers the height of the block. */
export function noteHookscript(ledger: Pick<Ledger, 'append'>): Method {
  return method({
    name: 'note_hookscript',
    in: [{ name: 'note', type: 's' }],
    out: { name: 'height', type: 't' },
    answer: () => z.bigint(),
    schema: z.tuple([z.string().max(NOTE_MAX, `a note has at most ${NOTE_MAX} characters`)]),
    changes: 'itself',
    run: async ([json], { user, pid, about }) => {
      const { result, name, former, ...guest } = parseNote(json);
      const data = { ...guest, ...(name !== undefined && { name }), ...(former !== undefined && { former }) };
      const entry = entryOf(AGENT, {
        action: `hookscript_${result}`,
        data,
        user,
        pid,
        ...(about && { metadata: { ...about } }),
      });
      return BigInt((await ledger.append(entry)).height);
    },
  });
}

function parseNote(json: string): z.infer<typeof noteSchema> {
  try {
    return noteSchema.parse(JSON.parse(json));
  } catch (error) {
    throw new AgentError('bad-argument', 'The note was not understood; nothing was recorded', {
      cause: error,
    });
  }
}
