// What the agent offers every runtime: the host, the switch, and what is remembered of guests.

import type { Bus } from '../core/bus/bus.ts';
import { observeBridges, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { isLinuxBridge } from '../core/kernel/links.ts';
import type { Veths } from '../core/kernel/veth.ts';
import type { Follow } from '../core/lib/exec.ts';
import type { Log } from '../core/lib/log.ts';
import type { Watching } from '../core/lib/watch.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import type { ObservedPort } from '../core/plan/observed.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { PendingRetries } from '../state/pending-retries.ts';
import type { Vmids } from '../state/vmids.ts';

/** Keys that are no runtime's own. */
interface HostConfig {
  default_bridge: string;
  bridges: Readonly<Record<string, { readonly create?: boolean }>>;
  debounce_ms: number;
  /** Seconds. */
  reconcile_interval: number;
}

/** `Sections` are those of the configuration that the runtime reads; a reload changes what is in them. */
export interface RuntimeHost<Sections = unknown> {
  config: HostConfig & Sections;
  bus: Bus;
  ovsdb: OvsdbClient;
  desiredState: DesiredState;
  pendingRetries: PendingRetries;
  vmids: Vmids;
  veths: Veths;
  watching: Watching;
  follow: Follow;
  requests: {
    /** Has the guest of that number looked at; false when there is none. */
    resync(vmid: number, reason: string): Promise<boolean>;
    /** Has everything reconciled soon. */
    soon(reason: string): void;
  };
  /** Milliseconds of the epoch. */
  now: () => number;
  log: Log;
  onError: (error: unknown) => void;
}

/** The port that holds a device, by OVSDB's replica. */
export const holderIn =
  (ovsdb: OvsdbClient) =>
  (device: string): ObservedPort | undefined =>
    observePorts(ovsdb.replica).find((port) => port.interface === device);

/** Whether a bridge is one of Open vSwitch. */
export const ovsBridgeIn =
  ({ config, ovsdb }: Pick<RuntimeHost, 'config' | 'ovsdb'>) =>
  (name: string): boolean =>
    observeBridges(ovsdb.replica).has(name) ||
    config.bridges[name]?.create === true ||
    // Gone with all its ports, or nobody can tell now: its guests run on and wait for it. The bridge's own device may outlive
    // its row for a moment, so that is no sign.
    !isLinuxBridge(name);
