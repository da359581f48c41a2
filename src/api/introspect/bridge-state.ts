// Whether a bridge works, or why not; pure.

import type { OvsBridge, OvsInterface } from '../../core/drivers/ovsdb/bridge-tree.ts';
import { judgedText, type ObservedSwitch } from './observed.ts';

/** What is wrong with the bridge itself, or undefined: ovs-vswitchd has opened it, and its own interface is up. */
export function bridgeProblem(bridge: OvsBridge, observed: ObservedSwitch): string | undefined {
  const own = bridge.ports.find(({ name }) => name === bridge.name)?.interfaces[0];
  const link = observed.links.get(bridge.name);
  const judged = judgedText(observed, 'bridge', bridge.name);
  if (judged !== undefined) return judged;
  // A bridge without such a row has the interface all the same (vswitchd/bridge.c, synth_local_port).
  const problem = own && openingProblem(own);
  if (problem !== undefined) return problem;
  if (link === undefined) return `there is no network device ${bridge.name}`;
  return link.up ? undefined : `its own interface ${bridge.name} is down`;
}

/** What keeps an interface from carrying anything, or undefined. */
export function interfaceProblem(link: OvsInterface, observed: ObservedSwitch): string | undefined {
  const problem = openingProblem(link);
  if (problem !== undefined) return problem;
  return isDevice(link) && !observed.links.has(link.name)
    ? `there is no network device ${link.name}`
    : undefined;
}

function openingProblem({ name, ofport, error }: OvsInterface): string | undefined {
  if (error !== undefined) return `ovs-vswitchd says: ${error}`;
  return ofport === undefined || ofport <= 0 ? `ovs-vswitchd has not opened ${name}` : undefined;
}

/** Tunnels, patch ports and user-space drivers are no devices of the kernel under their name. */
const isDevice = ({ type }: OvsInterface) => ['', 'system', 'internal', 'tap'].includes(type);
