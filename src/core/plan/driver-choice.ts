// Which driver a bridge leads to: whoever owns the bridge drives it, and no bridge changes its owner unasked. Pure.

import type { ErrorCode } from '../lib/errors.ts';
import type { DriverName, ObservedBridge } from './observed.ts';

/** What the choice depends on beside the bridge itself. */
export interface SwitchFacts {
  /** `driver` of the configuration. */
  configured: 'auto' | DriverName;
  /**
   * `ready`: runs, with its OVS plugin. `expected`: the plugin is installed, but NetworkManager does not run now.
   * `silent`: it has its name on the bus, and hangs. `unable`: there is none, it is masked, or it cannot do OVS.
   */
  networkManager: 'ready' | 'expected' | 'silent' | 'unable';
  /** Why OVSDB cannot be asked now: then nobody knows what the switch has. */
  unreachable?: { code: ErrorCode; reason: string };
  /** Bridges that /etc/network/interfaces declares: ifupdown makes them, at boot and at every `ifreload`. */
  declared: ReadonlySet<string>;
}

export type Choice = { driver: DriverName } | { obstacle: { code: ErrorCode; reason: string } };

/**
 * @param bridge the bridge's row, or undefined when it has none yet
 * @param isLinux whether the kernel has a bridge of that name, which then is none of Open vSwitch's
 */
export function chooseDriver(
  name: string,
  bridge: ObservedBridge | undefined,
  isLinux: boolean,
  facts: SwitchFacts,
): Choice {
  const { configured, unreachable } = facts;
  if (unreachable !== undefined) return { obstacle: unreachable };
  if (bridge === undefined && isLinux) {
    return obstacle('bridge-not-ovs', `${name} is a Linux bridge, not one of Open vSwitch`);
  }
  if (configured === 'ovsdb') return { driver: 'ovsdb' };
  if (bridge === undefined) {
    if (configured === 'networkmanager') return throughNetworkManager(name, facts);
    if (facts.declared.has(name) || facts.networkManager === 'unable') return { driver: 'ovsdb' };
    return throughNetworkManager(name, facts);
  }
  if (bridge.networkManagerUuid !== undefined) return throughNetworkManager(name, facts);
  if (configured === 'auto') return { driver: 'ovsdb' };
  const reason = `the bridge ${name} does not belong to NetworkManager, and driver = "networkmanager"`;
  return obstacle('bridge-not-ours', reason);
}

function throughNetworkManager(name: string, { networkManager }: SwitchFacts): Choice {
  if (networkManager === 'ready') return { driver: 'networkmanager' };
  const whose = `NetworkManager, which drives ${name},`;
  return networkManager === 'unable'
    ? obstacle('networkmanager-without-ovs', `${whose} cannot do Open vSwitch here`)
    : obstacle('networkmanager-unavailable', `${whose} ${whyAway(networkManager)}`);
}

/** The words for it. */
export function whyAway(networkManager: SwitchFacts['networkManager']): string {
  return networkManager === 'silent' ? 'does not answer' : 'is not running';
}

function obstacle(code: ErrorCode, reason: string): Choice {
  return { obstacle: { code, reason } };
}
