// `ledger imported`: the ledgers of the older program that were taken over, and what stands in one of them.

import { examineSeedLedger } from '../../core/ledger/imported/examine.ts';
import { importedPath } from '../../core/ledger/imported/places.ts';
import { imports } from '../../core/ledger/imported/take-over.ts';
import { ledgerPaths } from '../../core/ledger/paths.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { openRegular } from '../../core/lib/open-regular.ts';
import { CliError } from '../failure.ts';
import { demandLedger } from '../ledger-file.ts';
import { safeJson } from '../printable.ts';
import { importLines, seedLine } from '../render/imported.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { json?: boolean };

export const addLedgerImported: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('imported')
    .description('list the ledgers of the older program that were taken over, or show the lines of one')
    .argument('[sha256]', 'the SHA-256 of one of them, or its beginning')
    .option('--json', 'print JSON lines: one ledger each, or one line of it each')
    .addHelpText(
      'after',
      `${examples(['ledger imported', 'ledger imported 9f86d081'])}

Of one ledger each line is checked anew; one that does not hold begins with "!". The file must be the one that was taken over:
its SHA-256 is that of the block.
Exit code: 0, or 1 when the file is not what was taken over.`,
    )
    .action(
      ending(context, async (prefix: string | undefined, { json }: Options) => {
        const path = await demandLedger((await context.readConfig()).ledger.path);
        const found = [];
        for await (const one of imports(path))
          if (one.sha256.startsWith(prefix?.toLowerCase() ?? '')) found.push(one);
        if (prefix === undefined) {
          for (const one of found)
            for (const line of json ? [safeJson(one)] : [`#${one.height}`, ...importLines(one)])
              terminal.out(line);
          if (found.length === 0 && !json) terminal.out('No ledger of the older program was taken over.');
          return 0;
        }
        const [one] = found;
        if (one === undefined || found.length > 1)
          throw new CliError(
            one === undefined
              ? `No ledger with the digest ${prefix} was taken over.`
              : `${prefix} is the beginning of ${found.length} digests.`,
            1,
          );
        const kept = importedPath(ledgerPaths(path).side, one.sha256);
        const file = await openRegular(kept).catch((cause: unknown) => {
          throw new AgentError('ledger-evidence-unreadable', `${kept} cannot be read`, { cause });
        });
        const { sha256 } = await examineSeedLedger(file, (number, line, fault) => {
          const { timestamp, height, ...rest } = line ?? {};
          const said = {
            ...rest,
            ...(line && {
              timestamp: String(timestamp),
              height: height === undefined ? null : String(height),
            }),
          };
          terminal.out(
            json
              ? safeJson({ line: number, holds: fault === undefined, ...fault, ...said })
              : seedLine(number, line, fault),
          );
        }).finally(() => file.close());
        if (sha256 === one.sha256) return 0;
        throw new CliError(`${kept} is not what was taken over: its SHA-256 is ${sha256}.`, 1);
      }),
    );
};
