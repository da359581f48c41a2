// `ledger witness publish`: copies what this node shows to its cluster; run by ovs-port-agent-cluster.service.

import { ledgerPaths } from '../../core/ledger/paths.ts';
import { outFolder } from '../../witness/cluster/exchange.ts';
import { publishOut } from '../../witness/cluster/publish.ts';
import { clusterFolder } from '../../witness/places.ts';
import { safeJson } from '../printable.ts';
import { type AddVerb, ending, examples } from '../verb.ts';

export const addLedgerWitnessPublish: AddVerb = (parent, context) => {
  const { terminal } = context;
  parent
    .command('publish')
    .description("copy this node's checkpoint and cosignatures to /etc/pve (the agent has this run)")
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples(['ledger witness publish']))
    .action(
      ending(context, async ({ json }: { json?: boolean }) => {
        const { ledger, proxmox } = await context.readConfig();
        const out = outFolder(clusterFolder(ledgerPaths(ledger.path).side));
        const written = await publishOut(out, proxmox.root);
        if (json) terminal.out(safeJson({ written }, 2));
        return 0;
      }),
    );
};
