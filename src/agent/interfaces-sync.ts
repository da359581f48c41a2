// Has systemd bring our part of /etc/network/interfaces up to date when bridges change: the agent itself may not write there.

import type { Bus } from '../core/bus/bus.ts';
import type { Config } from '../core/config/config.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { observeBridges } from '../core/ovsdb/observe.ts';
import { bridgeWishes } from '../core/proxmox/interfaces/wishes.ts';
import { startUnit } from './systemd.ts';

/** Runs `ovs-port-agent proxmox interfaces apply`. */
export const INTERFACES_UNIT = 'ovs-port-agent-interfaces.service';

/** Milliseconds before the same is asked for again, when systemd could not be asked. */
const RETRY_MS = 30_000;

export interface InterfacesSyncParts {
  bus: Pick<Bus, 'call'>;
  ovsdb: Pick<OvsdbClient, 'replica' | 'connected' | 'onChange' | 'onConnection'>;
  config: Pick<Config, 'bridges' | 'debounce_ms'> & {
    proxmox: Pick<Config['proxmox'], 'enabled' | 'interfaces'>;
  };
  onError: (error: unknown) => void;
}

/**
 * Starts the unit now and whenever a bridge comes, goes or changes its owner; with `interfaces = false` never. A unit
 * that fails says so in `proxmox-interfaces.json` and its journal; it is started again at the next change.
 */
export function syncInterfaces({ bus, ovsdb, config, onError }: InterfacesSyncParts): { close(): void } {
  if (!config.proxmox.interfaces || config.proxmox.enabled === false) return { close: () => undefined };
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let done: string | undefined;

  const look = async () => {
    timer = undefined;
    // Without a connection the copy of the rows is old, and the unit could not ask either.
    if (!ovsdb.connected) return;
    const bridges = observeBridges(ovsdb.replica);
    const { networkManager } = bridgeWishes(config, bridges);
    const state = [...bridges.keys()]
      .map((name) => `${name} ${networkManager.has(name)}`)
      .sort()
      .join('\n');
    if (state === done) return;
    done = state;
    try {
      await startUnit(bus, INTERFACES_UNIT);
    } catch (error) {
      done = undefined;
      onError(error);
      soon(RETRY_MS);
    }
  };
  const soon = (ms: number) => {
    if (!closed) timer ??= setTimeout(() => void look(), ms);
  };

  ovsdb.onConnection((connected) => {
    if (connected) soon(config.debounce_ms);
  });
  ovsdb.onChange((changes) => {
    if (changes.some(({ table }) => table === 'Bridge')) soon(config.debounce_ms);
  });
  soon(0);
  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
