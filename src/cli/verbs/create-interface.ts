// `create-interface`: makes an existing device the port of a guest.

import { parseGuestName, parseInterfaceName, parseVmid } from '../arguments.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

/** Milliseconds; making a bridge on the way is part of it. */
const DEADLINE_MS = 60_000;

export const addCreateInterface: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('create-interface')
    .description('attach a network device to the switch as the port vi<VMID>')
    .argument('<raw>', 'the device as the kernel calls it, such as vethAB12CD', parseInterfaceName)
    .argument('<id>', 'name or id of the container', parseGuestName)
    .argument('<vmid>', 'a number from 100 to 999999999', parseVmid)
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples(['create-interface vethAB12CD web 4711']))
    .action(
      ending(context, async (raw: string, id: string, vmid: number, { json }: { json?: boolean }) => {
        const [answer] = await callAgent({
          member: 'CreateContainerInterface',
          signature: 'ssu',
          body: [raw, id, vmid],
          deadlineMs: DEADLINE_MS,
        });
        const message = String(answer);
        terminal.out(
          json ? safeJson({ interface: raw, container: id, vmid, message }, 2) : printable(message),
        );
        return 0;
      }),
    );
};
