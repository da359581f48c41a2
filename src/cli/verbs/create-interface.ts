// `create-interface`: makes an existing device the port of a guest.

import { attachedSchema } from '../../api/answers/ports.ts';
import { jsonAnswer, notUnderstood } from '../agent-call.ts';
import {
  parseBridge,
  parseGuestName,
  parseInterfaceName,
  parseMtu,
  parseTag,
  parseTrunks,
  parseVmid,
} from '../arguments.ts';
import { printable, safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

/** Milliseconds; making a bridge on the way is part of it. */
const DEADLINE_MS = 60_000;
const MEMBER = 'AttachInterface';

interface Options {
  bridge?: string;
  tag?: number;
  trunks?: number[];
  mtu?: number;
  json?: boolean;
}

export const addCreateInterface: AddVerb = (parent, context) => {
  const { terminal, callAgent } = context;
  parent
    .command('create-interface')
    .description('attach a network device to the switch as the port vi<VMID>')
    .argument('<raw>', 'the device as the kernel calls it, such as vethAB12CD', parseInterfaceName)
    .argument('<id>', 'name or id of the container', parseGuestName)
    .argument('<vmid>', 'a number from 100 to 999999999', parseVmid)
    .option('--bridge <name>', 'the bridge; by default default_bridge of the configuration', parseBridge)
    .option('--tag <vlan>', 'its VLAN, from 1 to 4094', parseTag)
    .option('--trunks <vlans>', 'VLANs that it gets tagged, such as 20,30-39', parseTrunks)
    .option('--mtu <bytes>', 'its MTU, where the bridge has none', parseMtu)
    .option('--json', 'print one JSON document: the port, its bridge and its device')
    .addHelpText(
      'after',
      `${examples([
        'create-interface vethAB12CD web 4711',
        'create-interface vethAB12CD web 4711 --bridge vmbr0 --tag 20',
      ])}

The port has its bridge's MTU: a smaller one would lower the whole bridge's.
--mtu counts only where the bridge's cannot be read.`,
    )
    .action(
      ending(context, async (raw: string, id: string, vmid: number, { json, ...options }: Options) => {
        const answer = jsonAnswer(
          MEMBER,
          await callAgent({
            member: MEMBER,
            signature: 'ssus',
            body: [raw, id, vmid, JSON.stringify(options)],
            deadlineMs: DEADLINE_MS,
          }),
        );
        const made = attachedSchema.safeParse(answer);
        if (!made.success) throw notUnderstood(MEMBER);
        const { port, bridge, interface: link } = made.data;
        terminal.out(json ? safeJson(answer, 2) : printable(`${port} is on ${bridge} (${link})`));
        return 0;
      }),
    );
};
