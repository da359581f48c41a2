// `events`: what happened to guests, ports and bridges, read from the ledger.

import { follow } from '../../core/ledger/index.ts';
import { parseCount } from '../arguments.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { liveEvents, recentEvents, type ToldEvent } from '../recent-events.ts';
import { eventLine } from '../render/event.ts';
import { unreadableLines } from '../unreadable-lines.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { lines: number; follow?: boolean; file?: string; json?: boolean };

export const addEvents: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('events')
    .description('show what happened to guests, ports and bridges lately')
    .option('-n, --lines <count>', 'how many events', parseCount, 20)
    .option('-f, --follow', 'go on with new events as they come')
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print JSON lines: the block of each event, with the event that led to it as "origin"')
    .addHelpText(
      'after',
      `${examples(['events', 'events -n 100', 'events --follow'])}

Read from the ledger, so the agent need not run. "<- #41": block 41 led to this. ovs-port-agent ledger show 41 tells more.`,
    )
    .action(
      ending(context, async ({ lines, follow: follows, file, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const tell = ({ block, cause }: ToldEvent) =>
          terminal.out(json ? safeJson({ ...block, origin: cause }) : eventLine(block, cause));
        const unreadable = unreadableLines(path, terminal);
        const { events, head } = await recentEvents(path, lines, unreadable.reading);
        for (const event of events) tell(event);
        unreadable.tell();
        if (!follows) return 0;
        const told = liveEvents(path);
        for await (const block of follow(path, context.interrupted(), { after: head })) {
          const event = await told(block);
          if (event) tell(event);
        }
        return 0;
      }),
    );
};
