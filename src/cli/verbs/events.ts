// `events`: what happened to guests, ports and bridges, read from the ledger.

import { follow, tail } from '../../core/ledger/index.ts';
import { parseCount } from '../arguments.ts';
import { type BlockFilter, chosenBlocks, FILTER_NOTE, filterOptions } from '../block-filter.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { chosenEvents, liveEvents, type ReportedEvent, recentEvents } from '../recent-events.ts';
import { eventLine } from '../render/event.ts';
import { startSearch } from '../search.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = BlockFilter & { lines: number; follow?: boolean; file?: string; json?: boolean };

export const addEvents: AddVerb = (parent, context) => {
  const { terminal } = context;
  const command = parent
    .command('events')
    .description('show what happened to guests, ports and bridges lately')
    .option('-n, --lines <count>', 'how many events', parseCount, 20)
    .option('-f, --follow', 'go on with new events as they come');
  filterOptions(command)
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print JSON lines: the block of each event, with the event that led to it as "origin"')
    .addHelpText(
      'after',
      `${examples([
        'events',
        'events -n 100',
        'events --follow',
        'events --since "2 hours ago" --guest 101 --action "port_*"',
        'events --since yesterday --until yesterday --by root',
      ])}

${FILTER_NOTE}
Read from the ledger, so the agent need not run. "<- #41": block 41 led to this. ovs-port-agent ledger show 41 tells more.`,
    )
    .action(
      ending(context, async (options: Options) => {
        const { lines, follow: follows, file, json } = options;
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const report = ({ block, cause }: ReportedEvent) =>
          terminal.out(json ? safeJson({ ...block, origin: cause }) : eventLine(block, cause));
        const search = startSearch(path, file === undefined, context);
        const { asking } = search;
        // What comes while the search goes on is told when it is followed.
        const head = (await tail(path, 1)).at(-1)?.height ?? 0;
        const chosen = isChosen(options)
          ? await chosenBlocks(path, undefined, options, terminal.now(), asking)
          : undefined;
        const events = chosen
          ? await chosenEvents(path, lines, { ...chosen.query, to: head }, asking)
          : (await recentEvents(path, lines, asking)).events;
        search.answer();
        for (const event of events) report(event);
        await search.end();
        if (!follows) return 0;
        const nextEvent = liveEvents(path);
        for await (const block of follow(path, context.interrupted(), { after: head })) {
          const event = await nextEvent(block);
          const isWanted = chosen?.isNext(block) ?? true;
          if (event && isWanted) report(event);
        }
        return 0;
      }),
    );
};

/** Without a filter the end of the ledger is all that needs to be read. */
function isChosen({ lines: _, follow: __, file: ___, json: ____, ...filter }: Options): boolean {
  return Object.values(filter).some((one) => one !== undefined);
}
