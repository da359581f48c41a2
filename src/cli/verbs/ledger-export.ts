// `ledger export`: blocks for other programs, as they stand in the ledger or as a table.

import { Option } from 'commander';
import { exportTiles } from '../../core/ledger/checkpoint/export-tiles.ts';
import { canonical, type HashedBlock } from '../../core/ledger/index.ts';
import { queryBlocks } from '../../core/ledger/query/query.ts';
import { type HeightRange, parseHeights } from '../arguments.ts';
import { type BlockFilter, chosenBlocks, FILTER_NOTE, filterOptions } from '../block-filter.ts';
import { demandLedger } from '../ledger-file.ts';
import { printable, safeJson } from '../printable.ts';
import { BLOCK_COLUMNS, blockRecord } from '../render/block-record.ts';
import { csv } from '../render/csv.ts';
import { count } from '../render/quantity.ts';
import { startSearch } from '../search.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

const FORMATS = ['jsonl', 'csv'] as const;

type Options = BlockFilter & {
  format: (typeof FORMATS)[number];
  file?: string;
  json?: boolean;
  tiles?: string;
};

export const addLedgerExport: AddVerb = (parent, context) => {
  const { terminal } = context;
  const command = parent
    .command('export')
    .description('print blocks for other programs')
    .argument('[heights]', 'HEIGHT or FROM..TO, either may be left out; all by default', parseHeights);
  filterOptions(command)
    .addOption(
      new Option('--format <name>', 'lines as they stand in the ledger, or a table')
        .choices(FORMATS)
        .default('jsonl'),
    )
    .option(
      '--tiles <directory>',
      'no output: bring this directory up to the newest checkpoint, for any log client',
    )
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'the same as --format jsonl')
    .addHelpText(
      'after',
      `${examples([
        'ledger export >ledger-of-pve1.jsonl',
        'ledger export --format csv --since 2026-11 >november.csv',
        'ledger export --vmid 101 --format csv 40..',
        'ledger export --tiles /srv/www/ledger-of-pve1',
      ])}

${FILTER_NOTE}
jsonl: the lines of the ledger, over all its files; each can be checked by its own hash.
csv: RFC 4180, with the data as JSON in one cell. A cell that a spreadsheet would take for a formula begins with '.
tiles: C2SP tlog-tiles, all blocks under the newest checkpoint; serve the directory as it is. Again brings it up to date.`,
    )
    .action(
      ending(context, async (heights: HeightRange | undefined, options: Options) => {
        const { file, json } = options;
        const format = json ? 'jsonl' : options.format;
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        if (options.tiles !== undefined) {
          const { origin, size, before, files } = await exportTiles(path, options.tiles);
          const what = { tiles: options.tiles, origin, size, before, files };
          const text = `${options.tiles}: ${count(size, 'block')} of ${origin}, ${size - before} of them new`;
          terminal.out(json ? safeJson(what) : printable(text));
          return 0;
        }
        const search = startSearch(path, file === undefined, context);
        const { query } = await chosenBlocks(path, heights, options, terminal.now(), search.asking);
        if (format === 'csv') for (const line of csv(BLOCK_COLUMNS, [])) terminal.out(line);
        for await (const block of queryBlocks(path, query, search.asking)) {
          search.answer();
          if (format === 'jsonl') terminal.out(lineOf(block, terminal.isTty));
          else for (const line of csv(BLOCK_COLUMNS, [blockRecord(block)]).slice(1)) terminal.out(line);
        }
        await search.end();
        return 0;
      }),
    );
};

/** The line as it stands in the ledger; on a terminal nothing in it can move the cursor. */
function lineOf({ hash, ...block }: HashedBlock, isTerminal: boolean): string {
  const line = `{"block":${text(block)},"hash":"${hash}"}`;
  return isTerminal ? printable(line) : line;
}

/** A line that is not as it must be may hold what no block can. */
function text(block: Omit<HashedBlock, 'hash'>): string {
  try {
    return canonical(block, Number.POSITIVE_INFINITY);
  } catch {
    return JSON.stringify(block);
  }
}
