// `ledger index`: makes the index by which queries are fast, or looks whether it is whole.

import { rebuildIndex, updateIndex } from '../../core/ledger/index-files/update.ts';
import { asAgentError } from '../../core/lib/errors.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { bytesProgress } from '../progress.ts';
import { count } from '../render/quantity.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { rebuild?: boolean; check?: boolean; file?: string; json?: boolean };

export const addLedgerIndex: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('index')
    .description('bring the index up to the ledger, or make it anew')
    .option('--rebuild', 'throw it away first')
    .option('--check', 'also look at all of it, and mend what is damaged')
    .option('--file <path>', "another ledger than this host's own; its index comes beside it")
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger index', 'ledger index --check', 'ledger index --rebuild --file copy/ledger.jsonl'])}

The agent keeps the index of its own ledger by itself, so this is for copies and for doubts. The index follows from the ledger
alone, byte for byte; without one, or with a damaged one, queries are slower and give the same answers.`,
    )
    .action(
      ending(context, async ({ rebuild, check, file, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const meter = bytesProgress(terminal, 'index');
        const updating = { onBytes: meter.add, check: check === true };
        const indexed = await (rebuild ? rebuildIndex : updateIndex)(path, updating)
          .catch((error: unknown) => {
            throw asAgentError(error, 'output-failed', `The index of ${path} cannot be written`);
          })
          .finally(meter.end);
        const { blocks, segments } = indexed;
        if (json) terminal.out(safeJson({ path, ...indexed }, 2));
        else terminal.out(`${path}: ${count(blocks, 'block')} of ${count(segments, 'file')} in the index`);
        return 0;
      }),
    );
};
