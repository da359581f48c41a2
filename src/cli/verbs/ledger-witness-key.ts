// `ledger witness key`: the public key with which this host's witness cosigns.

import { cosignerOf } from '../../core/ledger/note/cosignature.ts';
import { opensshText, verifierText } from '../../core/ledger/note/keys.ts';
import { readWitnessKey } from '../../witness/key.ts';
import { CliError } from '../failure.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addLedgerWitnessKey: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('key')
    .description("print the public key of this host's witness")
    .option('--format <form>', 'note (C2SP), openssh, or hex (for Sigsum policies)', 'note')
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples(['ledger witness key', 'ledger witness key --format hex']))
    .action(
      ending(context, async ({ format, json }: { format: string; json?: boolean }) => {
        const signer = await readWitnessKey(context.witnessDir);
        if (signer === undefined)
          throw new CliError(
            'This host has no witness that was ever started: systemctl enable --now ovs-port-agent-witness.service',
            1,
          );
        const key = cosignerOf(signer.verifier);
        const forms: Readonly<Record<string, string>> = {
          note: verifierText(key),
          openssh: opensshText(key),
          hex: key.raw.toString('hex'),
        };
        const text = forms[format];
        if (text === undefined) throw new CliError('--format is note, openssh or hex.', 2);
        terminal.out(json ? safeJson({ name: key.name, key: text }, 2) : text);
        return 0;
      }),
    );
};
