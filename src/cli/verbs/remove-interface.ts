// `remove-interface`: takes a port off the switch that was attached by hand.

import { parseInterfaceName } from '../arguments.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

/** Milliseconds. */
const DEADLINE_MS = 60_000;

export const addRemoveInterface: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('remove-interface')
    .description('take a port off the switch')
    .argument('<port>', 'the port, such as vi4711, or its device', parseInterfaceName)
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples(['remove-interface vi4711']))
    .action(
      ending(context, async (port: string, { json }: { json?: boolean }) => {
        const [answer] = await callAgent({
          member: 'RemoveContainerInterface',
          signature: 's',
          body: [port],
          deadlineMs: DEADLINE_MS,
        });
        const message = String(answer);
        terminal.out(json ? safeJson({ port, message }, 2) : printable(message));
        return 0;
      }),
    );
};
