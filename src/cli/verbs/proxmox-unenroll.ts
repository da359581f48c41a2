// `proxmox unenroll`: takes the hookscript away, and puts back the one that was there before.

import { unenrol } from '../../runtimes/proxmox/hookscript/change.ts';
import { chooseGuests } from '../../runtimes/proxmox/hookscript/choose.ts';
import { pruneRecords } from '../../runtimes/proxmox/hookscript/prune.ts';
import { demandGuests } from '../arguments.ts';
import { outcomesExitCode, runEnrolment } from '../enrolment-run.ts';
import { safeJson } from '../printable.ts';
import { alone, proxmoxHost } from '../proxmox-host.ts';
import { outcomeLines } from '../render/enrolment.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { all?: boolean; json?: boolean };

export const addProxmoxUnenroll: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('unenroll')
    .description('take the hookscript away from guests of this node, and put back what they had before')
    .argument('[vmid...]', 'which guests')
    .option('--all', 'every guest of this node')
    .option('--json', 'print one JSON document: a list of guests, each with its result')
    .addHelpText(
      'after',
      `${examples(['proxmox unenroll 101', 'proxmox unenroll --all'])}

A guest that was unenrolled is not enrolled again by auto_enroll.
Exit code: 0 no guest is enrolled any more, 1 some guest still is.`,
    )
    .action(
      ending(context, async (words: string[], options: Options) => {
        const requested = demandGuests(words, options);
        const config = await context.config();
        const outcomes = await alone(context, async () => {
          const host = await proxmoxHost(context, config);
          await pruneRecords(host);
          return runEnrolment({
            verb: 'unenroll',
            chosen: chooseGuests(host.tree, requested),
            skipTemplates: false,
            change: (guest) => unenrol(host, guest, config.proxmox.auto_enroll),
            terminal,
            callAgent,
          });
        });
        const lines = options.json ? [safeJson(outcomes, 2)] : outcomeLines('unenroll', outcomes);
        for (const line of lines) terminal.out(line);
        return outcomesExitCode(outcomes);
      }),
    );
};
