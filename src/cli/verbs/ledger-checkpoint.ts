// `ledger checkpoint`: has the ledger's head signed now, and prints it.

import { checkpointSchema } from '../../api/answers/evidence.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

const METHOD = 'SignCheckpoint';

export const addLedgerCheckpoint: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('checkpoint')
    .description('sign the head of the ledger now, and print the checkpoint')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger checkpoint', 'ledger checkpoint > /mnt/elsewhere/pve1.checkpoint'])}

A checkpoint says how many blocks there are, and the root of the tree over all of them. Kept off this host, it shows for ever
whether one of these blocks was changed or taken away: ovs-port-agent ledger verify --known-head FILE`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const answer = checkpointSchema.safeParse(jsonAnswer(METHOD, await callAgent({ member: METHOD })));
        if (!answer.success) throw notUnderstood(METHOD);
        // A note is a text of its own; each of its lines is one of the terminal's.
        for (const line of json ? [safeJson(answer.data, 2)] : answer.data.note.trimEnd().split('\n'))
          terminal.out(line);
        return 0;
      }),
    );
};
