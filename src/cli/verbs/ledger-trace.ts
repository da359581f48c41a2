// `ledger trace`: what led to a block, and what it led to.

import { traceBlock } from '../../core/ledger/query/trace.ts';
import { parseCount, parseHeight } from '../arguments.ts';
import { CliError } from '../failure.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { traceJson, traceLines } from '../render/trace.ts';
import { startSearch } from '../search.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { limit: number; file?: string; json?: boolean };

export const addLedgerTrace: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('trace')
    .description('draw what led to a block, and everything that it led to')
    .argument('<height>', 'the height of the block', parseHeight)
    .option('--limit <count>', 'draw at most so many of the blocks that it led to', parseCount, 500)
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print one JSON document: the causes, the block, and all of its effects')
    .addHelpText(
      'after',
      `${examples(['ledger trace 43', 'ledger trace 41 --limit 20', 'ledger trace 43 --json | jq .causes[0]'])}

Exit code: 0 fine, 1 there is no such block.`,
    )
    .action(
      ending(context, async (height: number, { limit, file, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const search = startSearch(path, file === undefined, context);
        const trace = await traceBlock(path, height, search.asking);
        search.answer();
        if (trace !== undefined) {
          const spec = { now: terminal.now(), width: terminal.width, limit };
          const lines = json ? [safeJson(traceJson(trace), 2)] : traceLines(trace, spec);
          for (const line of lines) terminal.out(line);
        }
        await search.end();
        if (trace === undefined) throw new CliError(`${path} has no such block.`, 1);
        return 0;
      }),
    );
};
