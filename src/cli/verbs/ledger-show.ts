// `ledger show`: blocks by height, category or guest.

import { type Category, type HashedBlock, readBlocks } from '../../core/ledger/index.ts';
import { type HeightRange, parseCategory, parseHeights } from '../arguments.ts';
import { CliError } from '../failure.ts';
import { guestFilter } from '../../core/ledger/query/guest-filter.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { blockDetail, blockLine } from '../render/block.ts';
import { unreadableLines } from '../unreadable-lines.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { category?: Category; guest?: string; file?: string; json?: boolean };

export const addLedgerShow: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('show')
    .description('show one block with all it holds, or a line for each of many')
    .argument('[heights]', 'HEIGHT or FROM..TO, either may be left out; all by default', parseHeights)
    .option('--category <name>', 'only blocks of this category', parseCategory)
    .option('--guest <guest>', 'only blocks about this guest: its VMID, name, port or container id')
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print JSON lines: one block each')
    .addHelpText(
      'after',
      examples([
        'ledger show 42',
        'ledger show 40..',
        'ledger show --guest 101',
        'ledger show --category bridge --json',
      ]),
    )
    .action(
      ending(context, async (heights: HeightRange | undefined, options: Options) => {
        const { category, guest, file, json } = options;
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const isGuest = guest === undefined ? () => true : guestFilter(guest);
        const single = heights !== undefined && heights.from === heights.to;
        const print = (block: HashedBlock) => {
          if (json) terminal.out(safeJson(block));
          else for (const line of single ? blockDetail(block) : [blockLine(block)]) terminal.out(line);
        };
        const unreadable = unreadableLines(path, terminal);
        let found = 0;
        for await (const block of readBlocks(path, { ...heights, ...unreadable.reading })) {
          if (!isGuest(block) || (category !== undefined && block.category !== category)) continue;
          found += 1;
          print(block);
        }
        unreadable.report();
        if (found === 0 && (single || guest !== undefined))
          throw new CliError(`${path} has no such block.`, 1);
        return 0;
      }),
    );
};
