// This node's part in its Proxmox cluster: what it shows is copied by a unit that may write below /etc/pve, which the agent may not.

import { mkdir } from 'node:fs/promises';
import type { Bus } from '../core/bus/bus.ts';
import { startUnit } from '../core/bus/systemd.ts';
import type { Config } from '../core/config/config.ts';
import type { Host } from '../core/kernel/host.ts';
import { readPublicKeys } from '../core/ledger/checkpoint/checkpoint-file.ts';
import type { Checkpoints } from '../core/ledger/checkpoint/checkpoints.ts';
import { evidencePaths } from '../core/ledger/checkpoint/places.ts';
import { ledgerPaths } from '../core/ledger/paths.ts';
import type { Log } from '../core/lib/log.ts';
import type { Clocks } from '../core/lib/moment.ts';
import { type Cluster, openCluster } from '../witness/cluster/exchange.ts';
import { sharedFolder } from '../witness/cluster/published.ts';
import { defaultKeyName } from '../witness/key.ts';
import { askedFolder, clusterFolder } from '../witness/places.ts';

export interface ClusterParts extends Clocks {
  checkpoints: Checkpoints;
  config: Pick<Config, 'ledger' | 'witness' | 'proxmox'>;
  host: Pick<Host, 'hostname'>;
  bus: Pick<Bus, 'call'>;
  log: Log;
  onError: (error: unknown) => void;
}

/** Runs `ovs-port-agent ledger witness publish`. */
const UNIT = 'ovs-port-agent-cluster.service';

const NONE: Cluster = { states: () => [], problems: () => [], close: async () => undefined };

/** Returns one that does nothing where `[witness] cluster` is not set. Does not throw: the agent works without. */
export async function openOwnCluster(parts: ClusterParts): Promise<Cluster> {
  const { checkpoints, config, host, bus, log, now, steady, onError } = parts;
  if (!config.witness.cluster) return NONE;
  const { side } = ledgerPaths(config.ledger.path);
  const keys = evidencePaths(side).keys;
  const node = host.hostname.split('.')[0] ?? host.hostname;
  try {
    await mkdir(askedFolder(side), { recursive: true, mode: 0o700 });
    return await openCluster({
      log: checkpoints,
      ownKeys: async () => (await readPublicKeys(keys)).map(({ key }) => key).reverse(),
      node,
      keyName: defaultKeyName(node, 'cluster'),
      shared: sharedFolder(config.proxmox.root),
      directory: clusterFolder(side),
      asked: askedFolder(side),
      publish: () => startUnit(bus, UNIT),
      now,
      steady,
      onTold(other, text) {
        if (text === undefined) log.info(`the ledger of the node ${other} is well again`);
        else log.error(`the ledger of the node ${other}: ${text}`);
      },
      onError,
    });
  } catch (error) {
    onError(error);
    return NONE;
  }
}
