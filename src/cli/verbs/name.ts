// `name`: the port name that a container has or would get.

import { join } from 'node:path';
import { Option } from 'commander';
import { NUMBERED_RUNTIMES, type NumberedRuntime } from '../../core/guest/runtimes.ts';
import { parseGuestName, parseNicIndex } from '../arguments.ts';
import { portNameOf } from '../port-name-of.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';
import { proxmoxVmids, readPortHolders, readVmidState } from '../vmid-files.ts';

type Options = { runtime?: NumberedRuntime; json?: boolean };

export const addName: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('name')
    .description('print the port name that a container has or would get')
    .argument('<container>', 'its name, or its VMID', parseGuestName)
    .argument('<index>', 'which of its network cards, counted from 0', parseNicIndex)
    .addOption(
      new Option('--runtime <runtime>', 'for a name that two containers have').choices(NUMBERED_RUNTIMES),
    )
    .option('--json', 'print one JSON document; "state" is own, allocated or would-get')
    .addHelpText(
      'after',
      `${examples(['name 101 0', 'name netmaker-server 0', 'name web 1 --json'])}

Nothing is reserved: a name printed for a container that has none yet is what it would get now.`,
    )
    .action(
      ending(context, async (container: string, nic: number, { runtime, json }: Options) => {
        const config = await context.readConfig();
        const answer = portNameOf({
          container,
          nic,
          ...(runtime && { runtime }),
          state: await readVmidState(join(context.stateDir, 'vmids.json')),
          holders: await readPortHolders(join(context.runtimeDir, 'bindings')),
          taken: await proxmoxVmids(config),
          now: terminal.now().getTime(),
          range: config.vmid_range,
          cooldownMs: config.vmid_cooldown * 1000,
        });
        terminal.out(json ? safeJson(answer, 2) : answer.port);
        return 0;
      }),
    );
};
