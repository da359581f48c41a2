// `ledger stats`: how much is in the ledger, and of what.

import { readStats } from '../../core/ledger/index.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { statsLines } from '../render/stats.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addLedgerStats: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('stats')
    .description('count blocks by category, producer and user')
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples(['ledger stats', 'ledger stats --json | jq .total_blocks']))
    .action(
      ending(context, async ({ file, json }: { file?: string; json?: boolean }) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const stats = await readStats(path);
        for (const line of json ? [safeJson(stats, 2)] : statsLines(path, stats)) terminal.out(line);
        return 0;
      }),
    );
};
