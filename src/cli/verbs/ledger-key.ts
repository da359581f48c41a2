// `ledger key`: the public keys of the ledger.

import { readPublicKeys } from '../../core/ledger/checkpoint/checkpoint-file.ts';
import { evidencePaths } from '../../core/ledger/checkpoint/places.ts';
import { opensshText, readVerifier } from '../../core/ledger/note/keys.ts';
import { ledgerPaths } from '../../core/ledger/paths.ts';
import { CliError } from '../failure.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { format: string; file?: string; all?: boolean; json?: boolean };

export const addLedgerKey: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('key')
    .description("print the public key that checks the ledger's checkpoints")
    .option('--format <form>', 'note (C2SP, for ledger and witness tools) or openssh (for sigsum)', 'note')
    .option(
      '--all',
      'the keys of earlier checkpoints, too, with the number of blocks from which each is valid',
    )
    .option('--file <path>', "another ledger than this host's own")
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger key', 'ledger key --format openssh > pve1.pub', 'ledger key --all'])}

Give the key to whoever is to check this ledger, by a way that nobody else can change.`,
    )
    .action(
      ending(context, async ({ format, file, all, json }: Options) => {
        if (format !== 'note' && format !== 'openssh') throw new CliError('--format is note or openssh.', 2);
        const path = file ?? (await context.readConfig()).ledger.path;
        const keys = await readPublicKeys(evidencePaths(ledgerPaths(path).side).keys);
        if (keys.length === 0)
          throw new CliError(`The ledger ${path} has no key yet. The agent makes one when it starts.`, 1);
        const wanted = all ? keys : keys.slice(-1);
        const shown = wanted.map(({ key, from }) => ({
          from,
          key: format === 'note' ? key : opensshText(readVerifier(key)),
        }));
        if (json) terminal.out(safeJson(shown, 2));
        else for (const { key, from } of shown) terminal.out(all ? `${from} ${key}` : key);
        return 0;
      }),
    );
};
