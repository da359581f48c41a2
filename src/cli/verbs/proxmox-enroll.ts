// `proxmox enroll`: gives guests the hookscript; one that they had goes on after ours.

import { join } from 'node:path';
import { enrol } from '../../runtimes/proxmox/hookscript/change.ts';
import { chooseGuests } from '../../runtimes/proxmox/hookscript/choose.ts';
import { demandSnippet } from '../../runtimes/proxmox/hookscript/host.ts';
import { newGuests, readKnownGuests } from '../../runtimes/proxmox/hookscript/known-guests.ts';
import { pruneRecords } from '../../runtimes/proxmox/hookscript/prune.ts';
import { demandGuests } from '../arguments.ts';
import { outcomesExitCode, runEnrolment } from '../enrolment-run.ts';
import { safeJson } from '../printable.ts';
import { alone, proxmoxHost } from '../proxmox-host.ts';
import { outcomeLines } from '../render/enrolment.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

type Options = { all?: boolean; new?: boolean; json?: boolean };

export const addProxmoxEnroll: AddVerb = (parent, context) => {
  const { terminal, callAgent, stateDir } = context;
  parent
    .command('enroll')
    .description('give guests of this node the hookscript')
    .argument('[vmid...]', 'which guests')
    .option('--all', 'every guest of this node')
    .option('--new', 'guests that came after auto_enroll was switched on; what the agent calls')
    .option('--json', 'print one JSON document: a list of guests, each with its result')
    .addHelpText(
      'after',
      `${examples(['proxmox enroll 101', 'proxmox enroll 101 102 201', 'proxmox enroll --all'])}

A hookscript that a guest has already goes on: it runs after ours. "proxmox unenroll" puts it back.
Exit code: 0 every guest is enrolled, 1 some guest is not.`,
    )
    .action(
      ending(context, async (words: string[], options: Options) => {
        const asked = demandGuests(words, options);
        const config = await context.config();
        const outcomes = await alone(context, async () => {
          const host = await proxmoxHost(context, config);
          await demandSnippet(host);
          await pruneRecords(host);
          const requested =
            asked === 'new'
              ? await newGuests(host, await readKnownGuests(join(stateDir, 'known-guests.json')))
              : asked;
          return runEnrolment({
            verb: 'enroll',
            chosen: chooseGuests(host.tree, requested),
            skipTemplates: requested === 'all',
            change: (guest) => enrol(host, guest),
            terminal,
            callAgent,
          });
        });
        const none = asked === 'new' ? 'No guest is new.' : 'This node has no guests.';
        const lines = options.json ? [safeJson(outcomes, 2)] : outcomeLines('enroll', outcomes, none);
        for (const line of lines) terminal.out(line);
        return outcomesExitCode(outcomes);
      }),
    );
};
