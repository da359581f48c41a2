// `list`: the ports of guests.

import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { safeJson } from '../printable.ts';
import { portsSchema, portTable } from '../render/ports.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addList: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('list')
    .description('show the ports of all guests that run')
    .option('--json', 'print one JSON document: a list of ports')
    .addHelpText('after', examples(['list', "list --json | jq -r '.[].port'"]))
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const answer = jsonAnswer('DescribePorts', await callAgent({ member: 'DescribePorts' }));
        const ports = portsSchema.safeParse(answer);
        if (!ports.success) throw notUnderstood('DescribePorts');
        const lines = json ? [safeJson(answer, 2)] : portTable(ports.data, terminal.now());
        for (const line of lines) terminal.out(line);
        return 0;
      }),
    );
};
