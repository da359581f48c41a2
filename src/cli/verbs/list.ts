// `list`: the ports of guests, or every guest with the reason where it has none; once, or again and again.

import { Option } from 'commander';
import { GUEST_RUNTIMES } from '../../core/guest/guest.ts';
import { parseSeconds } from '../arguments.ts';
import { askGuests } from '../ask-guests.ts';
import { failureOf } from '../failure.ts';
import {
  type Choice,
  COLUMNS,
  chosen,
  FORMATS,
  type Format,
  guestLines,
  hiddenNote,
  parseColumns,
  STATES,
} from '../render/guests.ts';
import { type AddVerb, type Context, ending, examples } from '../verb.ts';

interface Options extends Choice {
  watch?: number | true;
  columns?: ReturnType<typeof parseColumns>;
  format: Format;
  json?: boolean;
}

const EVERY_SECONDS = 2;

export const addList: AddVerb = (parent, context) => {
  parent
    .command('list')
    .description('show the ports of guests; with --all every guest, and why it has none')
    .option('--all', 'also guests that wait, are held back, skipped or left alone, and why')
    .option('--bridge <name>', 'only ports of this bridge')
    .addOption(new Option('--runtime <name>', 'only guests of this runtime').choices(GUEST_RUNTIMES))
    .addOption(new Option('--state <name>', 'only guests in this state').choices(STATES))
    .option('--guest <guest>', 'only this guest: VMID, name, port, device or container id')
    .option(
      '--columns <names>',
      'which columns, such as port,mac,vlan; +mac beside the usual ones',
      parseColumns,
    )
    .addOption(new Option('--format <name>', 'how to print').choices(FORMATS).default('table'))
    .option('--watch [seconds]', 'look again every so many seconds (2), until interrupted', parseSeconds)
    .option('--json', 'the same as --format json: a list of ports or guests')
    .addHelpText(
      'after',
      `${examples(['list', 'list --all', 'list --columns +mac,mtu,health', 'list --format csv --all >guests.csv', "list --json | jq -r '.[].port'"])}

Columns: ${COLUMNS.join(', ')}.
RX and TX are the switch's: RX came from the guest. The order is the same in all formats: by VMID and card.
States: attached; unknown, while Open vSwitch's database does not answer; waiting for what REASON says; held back since its
card vanishes again and again; skipped, since it cannot have a port; unattached, since it is not meant to.`,
    )
    .action(
      ending(context, async (options: Options) => {
        if (options.watch === undefined) return show(context, options);
        return watch(context, options, options.watch === true ? EVERY_SECONDS : options.watch);
      }),
    );
};

async function show(context: Context, options: Options): Promise<number> {
  const { terminal } = context;
  const rows = await askGuests(context);
  const { columns, json, state, guest } = options;
  const format = json ? 'json' : options.format;
  const wanted = chosen(rows, options);
  const all = options.all === true || state !== undefined || guest !== undefined;
  const spec = { format, all, width: terminal.width, now: terminal.now(), ...(columns && { columns }) };
  for (const [line, tone] of guestLines(wanted, spec)) terminal.out(line, tone);
  const note = all || format !== 'table' ? undefined : hiddenNote(rows);
  if (note !== undefined) terminal.out(note, 'warn');
  return 0;
}

/** Ends with 0 when the user has seen enough; an agent that is away meanwhile is told, and asked again. */
async function watch(context: Context, options: Options, seconds: number): Promise<number> {
  const { terminal } = context;
  const interrupted = context.interrupted();
  for (;;) {
    terminal.clear();
    await show(context, options).catch((error: unknown) => terminal.err(failureOf(error).line));
    if (interrupted.aborted) return 0;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, seconds * 1000);
      const end = () => {
        clearTimeout(timer);
        resolve();
      };
      interrupted.addEventListener('abort', end, { once: true });
    });
    if (interrupted.aborted) return 0;
  }
}
