// The agent's own bus calls, as an LXC network hook makes them.

import { randomUUID } from 'node:crypto';
import { AGENT_NAME, AGENT_PATH } from '../../src/core/bus/agent-names.ts';
import type { SystemBus } from './system-bus.ts';

/** Hands an event in; throws unless the agent did as it should. */
export async function tellAgent(
  bus: SystemBus,
  phase: 'net-up' | 'net-down',
  { vmid, link, bridge }: { vmid: number; link: string; bridge: string },
): Promise<void> {
  const at = new Date().toISOString();
  const name = String(vmid);
  const event = { id: randomUUID(), at, source: 'lxc', phase, name, interface: link, link: bridge };
  const [answer] = await callAgent(bus, 'LifecycleEvent', 's', [JSON.stringify(event)]);
  const { ok, message } = JSON.parse(String(answer)) as { ok: boolean; message: string };
  if (!ok) throw new Error(`${phase} of ${link}: ${message}`);
}

export function callAgent(
  bus: SystemBus,
  member: string,
  signature = '',
  body: unknown[] = [],
): Promise<unknown[]> {
  return bus.call(AGENT_NAME, AGENT_PATH, AGENT_NAME, member, signature, body);
}
