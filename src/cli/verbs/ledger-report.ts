// `ledger report`: what happened in a span of time, for whoever has to answer for it.

import { verifyEvidence } from '../../core/ledger/checkpoint/verify-evidence.ts';
import { readReport } from '../../core/ledger/report/read-report.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { reportJson, reportLines } from '../render/report.ts';
import { startSearch } from '../search.ts';
import { parseSince, parseUntil } from '../time-span.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

interface Options {
  since?: ReturnType<typeof parseSince>;
  until?: ReturnType<typeof parseUntil>;
  verify: boolean;
  file?: string;
  json?: boolean;
}

export const addLedgerReport: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('report')
    .description('report on a span of time: who changed what, what failed, gaps, checkpoints, witnesses')
    .option('--since <time>', 'from then on; by default from the first block on', parseSince)
    .option('--until <time>', 'up to then; a day or a month is meant whole', parseUntil)
    .option('--no-verify', 'do not check the chain and the checkpoints')
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print one JSON document, with all of what the text cuts short')
    .addHelpText(
      'after',
      `${examples([
        'ledger report --since 2026-11 --until 2026-11',
        'ledger report --since yesterday --json',
        'ledger report --file copy/ledger.jsonl --no-verify',
      ])}

"By" is the user in the block, and whoever the ledger names behind them: a login, a sudo user, a process. Witnesses are named as the
checkpoints name them; ledger verify --policy checks their signatures.
Times: 30min, "2 hours ago", yesterday, 2026-11 (a month), 2026-11-23, "2026-11-23 09:30", 2026-11-23T08:30:00Z.`,
    )
    .action(
      ending(context, async ({ since, until, verify, file, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const now = terminal.now();
        const search = startSearch(path, file === undefined, context);
        const span = { ...(since && { since: since(now) }), ...(until && { until: until(now) }) };
        const report = await readReport(path, span, search.asking);
        const onLine = (_: Buffer, start: number, end: number) => search.asking.onBytes?.(end - start);
        const checked = verify
          ? await verifyEvidence(path, { mode: 'fast', now: () => now.getTime(), onLine })
          : undefined;
        search.answer();
        const lines = json
          ? [safeJson(reportJson(path, report, checked), 2)]
          : reportLines(path, report, checked, terminal.width);
        for (const line of lines) terminal.out(line);
        await search.end();
        return 0;
      }),
    );
};
