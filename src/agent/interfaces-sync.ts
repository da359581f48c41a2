// Has systemd bring our part of /etc/network/interfaces up to date when bridges change: the agent itself may not write there.

import type { Bus } from '../core/bus/bus.ts';
import { startUnit } from '../core/bus/systemd.ts';
import type { Config } from '../core/config/config.ts';
import { observeBridges } from '../core/drivers/ovsdb/observe.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { bridgesSpec } from '../ifupdown/interfaces-spec.ts';
import type { LastRun } from '../ifupdown/last-result.ts';

/** Runs `ovs-port-agent proxmox interfaces apply`. */
export const INTERFACES_UNIT = 'ovs-port-agent-interfaces.service';

/** Milliseconds before the first look at what became of an ask; each ask for the same waits twice as long. */
const FIRST_CHECK_MS = 2_000;
const LAST_CHECK_MS = 30 * 60_000;

/** Another try finds the same until somebody changes the configuration, which restarts the agent. */
const FINAL = new Set(['not-proxmox', 'bad-config']);

export interface InterfacesSyncParts {
  bus: Pick<Bus, 'call'>;
  ovsdb: Pick<OvsdbClient, 'replica' | 'connected' | 'onChange' | 'onConnection'>;
  config: Pick<Config, 'bridges' | 'debounce_ms'> & {
    proxmox: Pick<Config['proxmox'], 'enabled' | 'interfaces'>;
  };
  /** What the last run of the unit came to, whoever started it. */
  lastRun: () => Promise<LastRun | undefined>;
  onError: (error: unknown) => void;
  /** Milliseconds of the epoch, of the clock that the unit has. */
  now?: () => number;
}

/**
 * Starts the unit now and whenever a bridge comes, goes or changes its owner; with `interfaces = false` never. It is
 * started again until a run that began after the ask has not failed: systemd answers an ask while the unit runs with that
 * run, which may have looked at the bridges already, and Proxmox may hold the file's lock.
 */
export function syncInterfaces(parts: InterfacesSyncParts): { close(): void } {
  const { bus, ovsdb, config, lastRun, onError, now = Date.now } = parts;
  if (!config.proxmox.interfaces || config.proxmox.enabled === false) return { close: () => undefined };
  let timer: NodeJS.Timeout | undefined;
  let checkTimer: NodeJS.Timeout | undefined;
  let closed = false;
  /** The bridges that the file was asked to show last. */
  let asked: string | undefined;

  const sync = () => {
    timer = undefined;
    // Without a connection the copy of the rows is old, and the unit could not ask either.
    if (!ovsdb.connected) return;
    const bridges = observeBridges(ovsdb.replica);
    const { networkManager } = bridgesSpec(config, bridges);
    const state = [...bridges.keys()]
      .map((name) => `${name} ${networkManager.has(name)}`)
      .sort()
      .join('\n');
    if (state === asked) return;
    asked = state;
    void ask(state, FIRST_CHECK_MS);
  };
  const ask = async (state: string, waitMs: number): Promise<void> => {
    clearTimeout(checkTimer);
    const since = now();
    await startUnit(bus, INTERFACES_UNIT).catch(onError);
    if (closed || asked !== state) return;
    checkTimer = setTimeout(() => void check(state, since, waitMs).catch(onError), waitMs);
  };
  const check = async (state: string, since: number, waitMs: number): Promise<void> => {
    const run = await lastRun();
    if (closed || asked !== state) return;
    const isOurs = run !== undefined && run.at >= since;
    if (isOurs && (run.error === undefined || FINAL.has(run.error))) return;
    if (ovsdb.connected) await ask(state, Math.min(waitMs * 2, LAST_CHECK_MS));
    // The unit would fail; the next connection asks.
    else asked = undefined;
  };
  const soon = (ms: number) => {
    if (!closed) timer ??= setTimeout(sync, ms);
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
      clearTimeout(checkTimer);
    },
  };
}
