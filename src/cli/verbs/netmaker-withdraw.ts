// `netmaker withdraw`: takes all public addresses, rules and the host's part back; what a removal of the package begins with.

import { join } from 'node:path';
import { closeGateway } from '../../netmaker/gateway/gateway.ts';
import { GATEWAY_RECORD, THIS_BOOT } from '../../netmaker/gateway/place.ts';
import { CliError, isUnanswered } from '../failure.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

/** Milliseconds; a host has dozens of such containers. */
const DEADLINE_MS = 60_000;

export const addNetmakerWithdraw: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('withdraw')
    .description('take all public addresses back, until the agent is started anew')
    .option('--json', 'print one JSON document: who did it, and what was undone on the host')
    .addHelpText(
      'after',
      `${examples(['netmaker withdraw'])}

Containers keep running and go out through Docker's network again, as they did before they had an address of a pool. The
host is no gateway any more: forwarding, proxy entries, firewall rules and addresses are as they were. Removing the
package does this first. Without an agent only the host's part is taken back: a container goes out again when it is
started anew.`,
    )
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        try {
          await callAgent({ member: 'WithdrawNetmaker', deadlineMs: DEADLINE_MS });
          terminal.out(
            json ? safeJson({ by: 'agent', undone: [] }, 2) : 'All public addresses are taken back',
          );
          return 0;
        } catch (error) {
          if (!isUnanswered(error)) throw error;
        }
        // Nobody there to ask: the host's own part can be undone from what is on the disk.
        if (!context.isRoot()) throw new CliError('The agent does not answer; run this as root', 3);
        const recordPath = join(context.runtimeDir, GATEWAY_RECORD);
        const changes = await closeGateway({ exec: context.exec, recordPath, bootId: THIS_BOOT });
        if (json) {
          terminal.out(safeJson({ by: 'command', undone: changes.map(({ what }) => what) }, 2));
          return 0;
        }
        for (const { what } of changes) terminal.out(`undone: ${what}`);
        if (changes.length === 0) terminal.out('The host is no gateway, and the agent does not answer');
        return 0;
      }),
    );
};
