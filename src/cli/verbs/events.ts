// `events`: what happened to guests, ports and bridges, read from the ledger.

import { follow, type HashedBlock } from '../../core/ledger/index.ts';
import { matchesGlob } from '../../core/lib/glob.ts';
import { parseCount, parseSince } from '../arguments.ts';
import { guestFilter } from '../../core/ledger/query/guest-filter.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { chosenEvents, liveEvents, type ReportedEvent, recentEvents } from '../recent-events.ts';
import { eventLine } from '../render/event.ts';
import { unreadableLines } from '../unreadable-lines.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = {
  lines: number;
  follow?: boolean;
  since?: ReturnType<typeof parseSince>;
  guest?: string;
  action?: string;
  file?: string;
  json?: boolean;
};

export const addEvents: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('events')
    .description('show what happened to guests, ports and bridges lately')
    .option('-n, --lines <count>', 'how many events', parseCount, 20)
    .option('-f, --follow', 'go on with new events as they come')
    .option('--since <time>', 'only from then on: 30min, 2h, 1d, or "2026-11-23 09:30"', parseSince)
    .option('--guest <guest>', 'only about this guest: its VMID, name, port or container id')
    .option('--action <name>', 'only this action, such as port_attached or "guest_*"')
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print JSON lines: the block of each event, with the event that led to it as "origin"')
    .addHelpText(
      'after',
      `${examples(['events', 'events -n 100', 'events --follow', 'events --since 2h --guest 101 --action "port_*"'])}

Read from the ledger, so the agent need not run. "<- #41": block 41 led to this. ovs-port-agent ledger show 41 tells more.`,
    )
    .action(
      ending(context, async (options: Options) => {
        const { lines, follow: follows, file, json } = options;
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const report = ({ block, cause }: ReportedEvent) =>
          terminal.out(json ? safeJson({ ...block, origin: cause }) : eventLine(block, cause));
        const unreadable = unreadableLines(path, terminal);
        const isWanted = choiceOf(options, terminal.now());
        const read = isWanted
          ? chosenEvents(path, lines, isWanted, unreadable.reading)
          : recentEvents(path, lines, unreadable.reading);
        const { events, head } = await read;
        for (const event of events) report(event);
        unreadable.report();
        if (!follows) return 0;
        const nextEvent = liveEvents(path);
        for await (const block of follow(path, context.interrupted(), { after: head })) {
          const event = await nextEvent(block);
          const isChosen = isWanted?.(block) ?? true;
          if (event && isChosen) report(event);
        }
        return 0;
      }),
    );
};

/** Feed it blocks in order. Undefined when everything is wanted. */
function choiceOf(
  { since, guest, action }: Options,
  now: Date,
): ((block: HashedBlock) => boolean) | undefined {
  if (since === undefined && guest === undefined && action === undefined) return undefined;
  const isGuest = guest === undefined ? () => true : guestFilter(guest);
  const from = since?.(now) ?? Number.NEGATIVE_INFINITY;
  // The guest's filter learns from every block, also from those that are not wanted.
  return (block) =>
    isGuest(block) &&
    Date.parse(block.timestamp) >= from &&
    (action === undefined || matchesGlob(action, block.action));
}
