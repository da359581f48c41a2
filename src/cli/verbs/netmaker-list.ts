// `netmaker list`: the Netmaker containers of this host, and those that are not attached with the reason.

import { netmakerReportSchema } from '../../api/answers/netmaker.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { safeJson } from '../printable.ts';
import { netmakerTable } from '../render/netmaker.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

const MEMBER = 'ListNetmakerContainers';

export const addNetmakerList: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('list')
    .description('show the Netmaker containers, their addresses and their mesh')
    .option('--all', 'also the containers that are not of Netmaker, and why')
    .option('--json', 'print one JSON document: a list of all containers')
    .addHelpText('after', examples(['netmaker list', "netmaker list --json | jq -r '.[].addresses[]'"]))
    .action(
      ending(context, async ({ all = false, json }: { all?: boolean; json?: boolean }) => {
        const answer = jsonAnswer(MEMBER, await callAgent({ member: MEMBER }));
        const reports = netmakerReportSchema.safeParse(answer);
        if (!reports.success) throw notUnderstood(MEMBER);
        const lines = json
          ? [safeJson(answer, 2)]
          : netmakerTable(reports.data, { all, width: terminal.width });
        for (const line of lines) terminal.out(line);
        return 0;
      }),
    );
};
