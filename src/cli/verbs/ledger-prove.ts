// `ledger prove`: a proof that one block is in the ledger, as a file for somebody who has nothing of this host.

import { proveBlock } from '../../core/ledger/checkpoint/prove.ts';
import { parseHeight } from '../arguments.ts';
import { demandLedger } from '../ledger-file.ts';
import { writeNamed } from '../named-file.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { out?: string; file?: string; json?: boolean };

export const addLedgerProve: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('prove')
    .description('print a proof that a block is in the ledger, checkable without this host')
    .argument('<height>', 'of the block', parseHeight)
    .option('--out <file>', 'write it to a file, by custom NAME.tlog-proof')
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger prove 42', 'ledger prove 42 --out 42.tlog-proof'])}

The proof holds the block, the hashes that lead from it to the root, and the newest checkpoint with all its signatures
(C2SP tlog-proof). Whoever has the public key of this ledger checks it with ledger check-proof.`,
    )
    .action(
      ending(context, async (height: number, { out, file, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const proof = await proveBlock(path, height);
        if (out !== undefined) await writeNamed(out, proof);
        if (json) terminal.out(safeJson({ path, height, ...(out === undefined ? { proof } : { out }) }, 2));
        else if (out === undefined) for (const line of proof.trimEnd().split('\n')) terminal.out(line);
        return 0;
      }),
    );
};
