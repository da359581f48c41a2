// `ledger check-proof`: what an auditor does with a proof; needs neither the agent nor the ledger.

import { checkProof } from '../../core/ledger/checkpoint/check-proof.ts';
import { readVerifier } from '../../core/ledger/note/keys.ts';
import { readNamed } from '../named-file.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

const MEANING = {
  proven: 'the block is in the ledger whose key this is',
  'no-block': 'the proof holds no block, and none was given with --block',
  'not-included': 'the hashes do not lead from this block to the root that was signed',
  'bad-signature': 'the checkpoint is not signed by this key',
} as const;

type Options = { key: string; block?: string; json?: boolean };

export const addLedgerCheckProof: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('check-proof')
    .description('check a proof of ledger prove, with nothing but the key of that ledger')
    .argument('<proof>', 'the file')
    .requiredOption('--key <key>', 'the public key, as ledger key prints it on the host')
    .option('--block <file>', 'the bytes of the block, where the proof does not hold them')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger check-proof 42.tlog-proof --key pve1/ledger+5a1ec0de+AY…'])}

Exit code: 0 the block is in that ledger, 1 it is not proven.`,
    )
    .action(
      ending(context, async (file: string, { key, block, json }: Options) => {
        const given = block === undefined ? undefined : await readNamed(block);
        const found = checkProof((await readNamed(file)).toString('utf8'), readVerifier(key), given);
        const { verdict, origin, size, height } = found;
        const text = found.block?.toString('utf8');
        if (json) terminal.out(safeJson({ verdict, origin, size, height, block: text ?? null }, 2));
        else {
          const word = verdict === 'proven' ? 'PROVEN' : 'NOT PROVEN';
          terminal.out(
            printable(`${word}: block ${height} of ${origin}, under ${size}: ${MEANING[verdict]}`),
          );
          if (text !== undefined) terminal.out(printable(text));
        }
        return verdict === 'proven' ? 0 : 1;
      }),
    );
};
