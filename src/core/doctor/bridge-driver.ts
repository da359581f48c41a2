// Which driver a bridge leads to, and why: the driver belongs to the bridge, not to the host.

import type { Config } from '../config/config.ts';
import type { NetworkManagerState } from '../networkmanager/networkmanager.ts';
import type { SwitchBridge } from './facts.ts';

export interface BridgeDriver {
  driver: 'networkmanager' | 'ovsdb';
  /** The end of a sentence: `the configuration says so`. */
  why: string;
}

/** `bridge` is undefined for one that is still to be made, `networkManager` when it does not answer. */
export function bridgeDriver(
  bridge: SwitchBridge | undefined,
  { driver }: Pick<Config, 'driver'>,
  networkManager: NetworkManagerState | undefined,
): BridgeDriver {
  if (driver !== 'auto') return { driver, why: `the configuration says driver = "${driver}"` };
  if (bridge?.networkManagerUuid !== undefined) {
    return { driver: 'networkmanager', why: 'NetworkManager owns it' };
  }
  if (bridge !== undefined) return { driver: 'ovsdb', why: 'NetworkManager does not own it' };
  if (networkManager?.running === true && networkManager.ovs) {
    return { driver: 'networkmanager', why: 'NetworkManager can do Open vSwitch' };
  }
  return { driver: 'ovsdb', why: 'there is no NetworkManager that can do Open vSwitch' };
}
