// `remove-interface`: takes a port off the switch that was attached by hand.

import { detachedSchema } from '../../api/answers/ports.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import { parseInterfaceName } from '../arguments.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

/** Milliseconds. */
const DEADLINE_MS = 60_000;
const MEMBER = 'DetachInterface';

export const addRemoveInterface: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('remove-interface')
    .description('take a port off the switch')
    .argument('<port>', 'the port, such as vi4711, or its device', parseInterfaceName)
    .option('--json', 'print one JSON document: the port, its bridge and its device')
    .addHelpText('after', examples(['remove-interface vi4711']))
    .action(
      ending(context, async (requested: string, { json }: { json?: boolean }) => {
        const call = { member: MEMBER, signature: 's', body: [requested], deadlineMs: DEADLINE_MS };
        const answer = jsonAnswer(MEMBER, await callAgent(call));
        const gone = detachedSchema.safeParse(answer);
        if (!gone.success) throw notUnderstood(MEMBER);
        const { port, bridge, interface: link } = gone.data;
        terminal.out(json ? safeJson(answer, 2) : printable(`${port} is off ${bridge} (${link})`));
        return 0;
      }),
    );
};
