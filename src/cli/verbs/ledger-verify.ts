// `ledger verify`: checks the chain in the file itself; no agent is needed.

import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HEAD_FILE, type Head, readRememberedHead, verifyLedger } from '../../core/ledger/index.ts';
import { parseHead } from '../arguments.ts';
import { CliError } from '../failure.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { verifyProgress } from '../progress.ts';
import { verdictJson, verdictLines } from '../render/verdict.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { fast?: boolean; head?: Head; progress?: boolean; json?: boolean };

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

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

Blocks cut off the end show by --head only: note the head that verify prints, off this host. Of this host's own ledger,
the last block that the agent remembers is demanded too.
Exit code: 0 the chain holds (an unfinished last line is no fault), 1 it is broken.`,
    )
    .action(
      ending(context, async (file: string | undefined, { fast, head, progress, json }: Options) => {
        const path = file ?? (await context.readConfig()).ledger.path;
        // What the agent remembers of its own ledger; of another file nobody remembers anything.
        const own =
          file === undefined ? await readRememberedHead(join(context.stateDir, HEAD_FILE), path) : undefined;
        if (own && head === undefined && !(await isThere(path)))
          throw new CliError(
            `The ledger ${path} is gone: block ${own.height}, the last one known, is in no file there.`,
            1,
          );
        await demandLedger(path);
        const known = head ?? (own && { height: own.height, hash: own.hash });
        const total = (await stat(path).catch(() => undefined))?.size ?? 0;
        const meter = verifyProgress(terminal, total, progress === true);
        const result = await verifyLedger(path, {
          mode: fast ? 'fast' : 'strict',
          onLine: meter.onLine,
          ...(known && { knownHead: known }),
        }).finally(meter.end);
        const lines = json ? [safeJson(verdictJson(path, result), 2)] : verdictLines(path, result);
        for (const line of lines) terminal.out(line);
        return result.verdict === 'broken' ? 1 : 0;
      }),
    );
};
