// `ledger at`: bridges, ports, addresses and leases as they were, from the blocks alone.

import { differences } from '../../core/ledger/as-of/diff.ts';
import { type Moment, stateAt } from '../../core/ledger/as-of/read-state.ts';
import { type StateThen, stateJson } from '../../core/ledger/as-of/state.ts';
import { parseHeight } from '../arguments.ts';
import { CliError } from '../failure.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { differenceLines, stateLines } from '../render/as-of.ts';
import { startSearch } from '../search.ts';
import { parseUntil } from '../time-span.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type When = (now: Date) => Moment;
type Options = { diff?: When; file?: string; json?: boolean };

/** A height is digits alone; a day or a month is meant as it ended. */
function parseMoment(text: string): When {
  if (/^#?\d+$/.test(text)) {
    const height = parseHeight(text);
    return () => ({ height });
  }
  const time = parseUntil(text);
  return (now) => ({ time: time(now) });
}

export const addLedgerAt: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('at')
    .description('show bridges, ports, addresses and leases as they were')
    .argument('<moment>', 'a height, or a time; a day or a month is meant as it ended', parseMoment)
    .option('--diff <moment>', 'what was different then', parseMoment)
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples([
        'ledger at 42',
        'ledger at "2026-11-23 09:30"',
        'ledger at yesterday --diff now',
        'ledger at 40 --diff 60 --json',
      ])}

It is put together from what the blocks say was done, so what nobody recorded is not in it. list shows what is.
Times: 30min, "2 hours ago", yesterday, now, 2026-11-23, "2026-11-23 09:30", 2026-11-23T08:30:00Z.
Exit code: 0 fine, 1 there is no such block, or none so early.`,
    )
    .action(
      ending(context, async (moment: When, { diff, file, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const search = startSearch(path, file === undefined, context);
        const read = async (when: When): Promise<StateThen> => {
          const state = await stateAt(path, when(terminal.now()), search.asking);
          if (state === undefined) throw new CliError(`${path} has no such block, or none so early.`, 1);
          return state;
        };
        try {
          const state = await read(moment);
          const other = diff && (await read(diff));
          search.answer();
          const print = (lines: readonly string[]) => {
            for (const line of lines) terminal.out(line);
          };
          if (other === undefined) {
            print(json ? [safeJson(stateJson(state), 2)] : stateLines(state, terminal.width));
            return 0;
          }
          const [before, after] = state.height <= other.height ? [state, other] : [other, state];
          const found = differences(before, after);
          const document = { from: before.height, to: after.height, differences: found };
          print(json ? [safeJson(document, 2)] : differenceLines(before, after, found));
          return 0;
        } finally {
          await search.end();
        }
      }),
    );
};
