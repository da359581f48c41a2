// `ledger show`: one block with all it holds, or a line for each of many, by whatever they have in common.

import type { HashedBlock } from '../../core/ledger/index.ts';
import { queryBlocks } from '../../core/ledger/query/query.ts';
import { type HeightRange, parseCount, parseHeights } from '../arguments.ts';
import { type BlockFilter, chosenBlocks, FILTER_NOTE, filterOptions } from '../block-filter.ts';
import { tellDropped } from '../dropped-bodies.ts';
import { CliError } from '../failure.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { blockDetail, blockLine } from '../render/block.ts';
import { startSearch } from '../search.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = BlockFilter & { limit?: number; lines?: number; file?: string; json?: boolean };

export const addLedgerShow: AddVerb = (parent, context) => {
  const { terminal } = context;
  const command = parent
    .command('show')
    .description('show one block with all it holds, or a line for each of many')
    .argument('[heights]', 'HEIGHT or FROM..TO, either may be left out; all by default', parseHeights);
  filterOptions(command)
    .option('--limit <count>', 'the first so many, and where to go on', parseCount)
    .option('-n, --lines <count>', 'the last so many', parseCount)
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print JSON lines: one block each')
    .addHelpText(
      'after',
      `${examples([
        'ledger show 42',
        'ledger show 40..',
        'ledger show --guest 101 -n 20',
        'ledger show --vmid 101 --action "port_*" --since yesterday',
        'ledger show --hash 9f86d081 --json',
        'ledger show --category bridge --by root --limit 100',
      ])}

${FILTER_NOTE}
Exit code: 0 fine, 1 there is no such block.`,
    )
    .action(
      ending(context, async (heights: HeightRange | undefined, options: Options) => {
        const { file, json, limit, lines } = options;
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const search = startSearch(path, file === undefined, context);
        const { query, isNamed } = await chosenBlocks(path, heights, options, terminal.now(), search.asking);
        const single = options.hash !== undefined || (heights !== undefined && heights.from === heights.to);
        const print = (block: HashedBlock) => {
          search.answer();
          if (json) terminal.out(safeJson(block));
          else for (const line of single ? blockDetail(block) : [blockLine(block)]) terminal.out(line);
        };
        let found = 0;
        let next: number | undefined;
        const last: HashedBlock[] = [];
        for await (const block of queryBlocks(path, query, search.asking)) {
          if (found === limit) {
            next = block.height;
            break;
          }
          found += 1;
          if (lines === undefined) print(block);
          else if (last.push(block) > lines) last.shift();
        }
        for (const block of last) print(block);
        await search.end();
        await tellDropped(path, heights?.from ?? 1, terminal);
        if (next !== undefined) terminal.err(`There are more, from #${next} on: ${goOn(next, heights)}`);
        if (found === 0 && (single || isNamed)) throw new CliError(`${path} has no such block.`, 1);
        return 0;
      }),
    );
};

/** The same command for the next page needs only these heights. */
function goOn(next: number, heights: HeightRange | undefined): string {
  const to = heights === undefined || heights.to === Number.MAX_SAFE_INTEGER ? '' : heights.to;
  return `the same command with ${next}..${to}`;
}
