// `ledger tail`: the last blocks, and those that come.

import { follow, type HashedBlock, tail } from '../../core/ledger/index.ts';
import { parseCount } from '../arguments.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { blockLine } from '../render/block.ts';
import { unreadableLines } from '../unreadable-lines.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { lines: number; follow?: boolean; file?: string; json?: boolean };

export const addLedgerTail: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('tail')
    .description('show the last blocks of every kind')
    .option('-n, --lines <count>', 'how many blocks', parseCount, 10)
    .option('-f, --follow', 'go on with new blocks as they come')
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print JSON lines: one block each')
    .addHelpText(
      'after',
      examples(['ledger tail', 'ledger tail -n 50', 'ledger tail -f --json | jq .action']),
    )
    .action(
      ending(context, async ({ lines, follow: follows, file, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const print = (block: HashedBlock) => terminal.out(json ? safeJson(block) : blockLine(block));
        // One at least, to know where following goes on.
        const unreadable = unreadableLines(path, terminal);
        const last = await tail(path, Math.max(1, lines), unreadable.reading);
        for (const block of lines === 0 ? [] : last) print(block);
        unreadable.report();
        if (!follows) return 0;
        const after = last.at(-1)?.height ?? 0;
        for await (const block of follow(path, context.interrupted(), { after })) print(block);
        return 0;
      }),
    );
};
