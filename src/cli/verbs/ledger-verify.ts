// `ledger verify`: checks the chain in the file itself; no agent is needed.

import { stat } from 'node:fs/promises';
import { type Head, verifyLedger } from '../../core/ledger/index.ts';
import { parseHead } from '../arguments.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { verifyProgress } from '../progress.ts';
import { verdictJson, verdictLines } from '../render/verdict.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { fast?: boolean; head?: Head; progress?: boolean; json?: boolean };

export const addLedgerVerify: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('verify')
    .description('check every block of the ledger, or of FILE')
    .argument('[file]', "a ledger file; by default this host's own")
    .option('--fast', 'check hashes and links only, not the form of each line')
    .option('--head <height:hash>', 'also demand this block, remembered elsewhere', parseHead)
    .option('--progress', 'show progress on stderr at once, also when it is no terminal')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger verify', 'ledger verify --fast /mnt/backup/ledger.jsonl', 'ledger verify --head 42:9f86d0…'])}

Only --head can show that blocks were cut off the end: note the head that verify prints, off this host.
Exit code: 0 the chain holds (an unfinished last line is no fault), 1 it is broken.`,
    )
    .action(
      ending(context, async (file: string | undefined, { fast, head, progress, json }: Options) => {
        const path = await demandLedger(file ?? (await context.readConfig()).ledger.path);
        const total = (await stat(path).catch(() => undefined))?.size ?? 0;
        const meter = verifyProgress(terminal, total, progress === true);
        const result = await verifyLedger(path, {
          mode: fast ? 'fast' : 'strict',
          onLine: meter.onLine,
          ...(head && { knownHead: head }),
        }).finally(meter.end);
        const lines = json ? [safeJson(verdictJson(path, result), 2)] : verdictLines(path, result);
        for (const line of lines) terminal.out(line);
        return result.verdict === 'broken' ? 1 : 0;
      }),
    );
};
