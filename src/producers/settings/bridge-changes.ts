// What is to be said of bridges whose settings are not what they were; pure.

import type { BridgeSettings } from './bridge-settings.ts';
import { type Change, difference } from './difference.ts';

/**
 * Changes between two looks at one bridge. A port that is new or gone is no change of a setting: steps tell of it.
 *
 * @param isOurs whether the agent itself is at work on a port: its steps say what they change
 */
export function bridgeChanges(
  before: BridgeSettings,
  after: BridgeSettings,
  isOurs: (port: string) => boolean,
): Change[] {
  const vlans = Object.entries(after.ports).flatMap(([uuid, { name, vlan }]) => {
    const former = Object.hasOwn(before.ports, uuid) ? before.ports[uuid] : undefined;
    if (former === undefined || former.vlan === vlan || isOurs(name)) return [];
    return [{ key: `vlan of ${name}`, from: former.vlan, to: vlan }];
  });
  return [...difference(before.own, after.own), ...vlans];
}
