// What the system bus leads to: the bus itself, NetworkManager, our agent.

import { statusSchema } from '../../api/answers/status.ts';
import { connectSystemBus } from '../../core/bus/system-bus.ts';
import { type Answer, attempt } from '../../core/lib/answer.ts';
import { openNetworkManager } from '../../core/networkmanager/networkmanager.ts';
import type { AgentFacts, NetworkManagerFacts } from '../../diagnose/doctor/facts.ts';
import { type CallAgent, jsonAnswer, notUnderstood } from '../agent-call.ts';

const DEADLINE_MS = 4000;
/** Each profile is a call of its own. */
const PROFILES_MS = 8000;

export interface BusFacts {
  bus: Answer<true>;
  networkManager: Answer<NetworkManagerFacts>;
}

export async function readBus(): Promise<BusFacts> {
  const connected = await attempt('the system bus', DEADLINE_MS, () => connectSystemBus(DEADLINE_MS));
  if (!connected.ok) return { bus: connected, networkManager: connected };
  const bus = connected.value;
  try {
    const networkManager = await attempt('NetworkManager', DEADLINE_MS + PROFILES_MS, async () => {
      const opened = await openNetworkManager(bus);
      const state = await opened.state();
      if (!state.running) return { state, profiles: { ok: true as const, value: [] } };
      return { state, profiles: await attempt('profiles', PROFILES_MS, opened.profiles) };
    });
    return { bus: { ok: true, value: true }, networkManager };
  } finally {
    bus.close();
  }
}

export function askAgent(callAgent: CallAgent): Promise<Answer<AgentFacts>> {
  return attempt('the bus', DEADLINE_MS, async () => {
    const reply = await callAgent({ member: 'GetStatus', deadlineMs: DEADLINE_MS });
    const status = statusSchema.safeParse(jsonAnswer('GetStatus', reply));
    if (!status.success) throw notUnderstood('GetStatus');
    const { pid, ready, obstacle, waiting } = status.data;
    const { version, health, proxmox } = status.data;
    const locksProblem = proxmox?.locks_problem ?? undefined;
    return {
      ready,
      health,
      ...(locksProblem !== undefined && { locksProblem }),
      waiting: waiting.map(({ port, bridge, code, reason }) => ({
        port,
        code,
        reason,
        ...(bridge !== undefined && { bridge }),
      })),
      ...(typeof version === 'string' && { version }),
      ...(pid !== undefined && { pid }),
      ...(typeof obstacle === 'string' && { obstacle }),
    };
  });
}
