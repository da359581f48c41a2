// `ledger witness trust`: believes the key that another node of the cluster has now.

import { ledgerPaths } from '../../core/ledger/paths.ts';
import { trustNode } from '../../witness/cluster/pins.ts';
import { isNodeName } from '../../witness/cluster/published.ts';
import { clusterFolder } from '../../witness/places.ts';
import { CliError } from '../failure.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addLedgerWitnessTrust: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('trust')
    .description('believe the keys that a node of the cluster shows next')
    .argument('<node>', 'its name in the cluster')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      `${examples(['ledger witness trust pve2'])}

Each node remembers the keys that it saw first of the others. After a node was installed anew, or its key was changed, say so on
each of the others.`,
    )
    .action(
      ending(context, async (node: string, { json }: { json?: boolean }) => {
        if (!isNodeName(node)) throw new CliError(`${node} is no name of a node.`, 2);
        const { side } = ledgerPaths((await context.readConfig()).ledger.path);
        if (!(await trustNode(clusterFolder(side), node)))
          throw new CliError(
            `No key of a node ${node} is known here. See: ovs-port-agent ledger witness status`,
            1,
          );
        terminal.out(
          json
            ? safeJson({ node }, 2)
            : `The keys of ${node} are forgotten; those that it shows next are believed.`,
        );
        return 0;
      }),
    );
};
