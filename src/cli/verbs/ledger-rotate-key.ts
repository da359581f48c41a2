// `ledger rotate-key`: another key signs the ledger's checkpoints from now on.

import { rotationSchema } from '../../api/answers/evidence.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

const METHOD = 'RotateLedgerKey';

export const addLedgerRotateKey: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('rotate-key')
    .description('sign with a new key from now on; the old one signs its first checkpoint, too')
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples(['ledger rotate-key']))
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const answer = rotationSchema.safeParse(jsonAnswer(METHOD, await callAgent({ member: METHOD })));
        if (!answer.success) throw notUnderstood(METHOD);
        const { former, key, size } = answer.data;
        const lines = [
          `The ledger is signed with another key from block ${size} on.`,
          `  until now  ${former}`,
          `  from now   ${key}`,
          'Both have signed the checkpoint of that block. Give the new key to those who check this ledger.',
        ];
        for (const line of json ? [safeJson(answer.data, 2)] : lines) terminal.out(line);
        return 0;
      }),
    );
};
