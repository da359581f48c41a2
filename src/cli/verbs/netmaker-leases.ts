// `netmaker leases`: who has which address of the pools.

import { leasesSchema } from '../../api/answers/netmaker.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { safeJson } from '../printable.ts';
import { leaseLines } from '../render/leases.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addNetmakerLeases: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('leases')
    .description('show who has, and who had last, which address of the pools')
    .option('--json', 'print one JSON document: a list of addresses')
    .addHelpText('after', examples(['netmaker leases', `netmaker leases --json | jq -r '.[].address'`]))
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const member = 'ListNetmakerLeases';
        const answer = jsonAnswer(member, await callAgent({ member }));
        const leases = leasesSchema.safeParse(answer);
        if (!leases.success) throw notUnderstood(member);
        const lines = json ? [safeJson(answer, 2)] : leaseLines(leases.data, terminal.now(), terminal.width);
        for (const line of lines) terminal.out(line);
        return 0;
      }),
    );
};
