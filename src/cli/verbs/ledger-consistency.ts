// `ledger consistency`: a proof that a later checkpoint of the ledger continues an earlier one.

import { proveConsistency } from '../../core/ledger/checkpoint/prove.ts';
import { parseHeight } from '../arguments.ts';
import { demandLedger } from '../ledger-file.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addLedgerConsistency: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('consistency')
    .description('prove that the ledger at one checkpoint is the beginning of the ledger at another')
    .argument('<size>', 'blocks of the earlier checkpoint', parseHeight)
    .argument('<later>', 'blocks of the later one', parseHeight)
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger consistency 40 120', 'ledger consistency 40 120 --json | jq -r .proof[]'])}

Prints the hashes of RFC 6962, section 2.1.2, in base64, one a line, as witnesses take them. They have been checked
against both checkpoints.`,
    )
    .action(
      ending(
        context,
        async (size: number, later: number, { file, json }: { file?: string; json?: boolean }) => {
          const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
          const { old, now, proof } = await proveConsistency(path, size, later);
          const hashes = proof.map((hash) => hash.toString('base64'));
          if (json) terminal.out(safeJson({ path, old: old.text, now: now.text, proof: hashes }, 2));
          else for (const hash of hashes) terminal.out(printable(hash));
          return 0;
        },
      ),
    );
};
