// What `status` says: how the daemons we need are, what waits and why, where the ledger stands.

import type { Config } from '../core/config/config.ts';
import type { Ledger } from '../core/ledger/index.ts';
import type { NetworkManager } from '../core/networkmanager/networkmanager.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { observeBridges } from '../core/ovsdb/observe.ts';
import type { SpoolAbsorber } from './absorb-spool.ts';
import type { Claims } from './claims.ts';
import type { Host } from './host.ts';
import type { Troubles } from './troubles.ts';
import { readiness } from './wait-ready.ts';

export interface StatusParts {
  config: Config;
  host: Host;
  startedAt: string;
  ledger: Ledger;
  claims: Claims;
  troubles: Troubles;
  spool: SpoolAbsorber;
  dockerConnected: boolean;
  networkManager: NetworkManager;
  ovsdb: OvsdbClient;
}

export async function statusReport(parts: StatusParts): Promise<object> {
  const { config, host, ledger, claims, ovsdb } = parts;
  const found = await readiness(parts.networkManager, ovsdb);
  const bridges = observeBridges(ovsdb.replica);
  const bindings = claims.bindings();
  return {
    hostname: host.hostname,
    pid: process.pid,
    since: parts.startedAt,
    ready: found.ready,
    obstacle: found.obstacle?.reason ?? null,
    obstacle_code: found.obstacle?.code ?? null,
    driver: 'networkmanager',
    networkmanager: {
      running: found.networkManager.running,
      version: found.networkManager.version,
      ovs: found.networkManager.ovs,
    },
    ovsdb: { connected: found.ovsdb },
    docker: { enabled: config.docker.enabled, connected: parts.dockerConnected },
    bridges: Object.keys(config.bridges).map((name) => {
      const bridge = bridges.get(name);
      return {
        name,
        present: bridge !== undefined,
        datapath_type: bridge?.datapathType ?? null,
        owner: bridge === undefined ? null : bridge.networkManagerUuid ? 'networkmanager' : 'other',
        ports: bindings.filter((binding) => binding.bridge === name).length,
      };
    }),
    ports: bindings.length,
    waiting: parts.troubles.all(),
    spooled: await parts.spool.waiting(),
    ledger: { path: config.ledger.path, ...ledger.head() },
  };
}
