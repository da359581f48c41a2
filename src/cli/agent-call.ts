// One call to the agent over the system bus.

import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import { connectSystemBus } from '../core/bus/system-bus.ts';
import { CliError } from './failure.ts';

export interface AgentCall {
  /** PascalCase name of the method. */
  member: string;
  signature?: string;
  body?: unknown[];
  /** Milliseconds; 30000 by default. */
  deadlineMs?: number;
}

/** What verbs call the agent with; tests put their own in its place. */
export type CallAgent = (call: AgentCall) => Promise<unknown[]>;

export const callAgent: CallAgent = async ({ deadlineMs = 30_000, ...call }) => {
  const bus = await connectSystemBus();
  try {
    return await bus.call({
      ...call,
      destination: AGENT_NAME,
      path: AGENT_PATH,
      interface: AGENT_NAME,
      deadlineMs,
      // Whoever stopped the agent meant it: nothing that is asked of it starts it.
      autoStart: false,
    });
  } finally {
    bus.close();
  }
};

/** The JSON text that most methods answer with, read. */
export function jsonAnswer(member: string, reply: readonly unknown[]): unknown {
  try {
    return JSON.parse(String(reply[0]));
  } catch {
    throw notUnderstood(member);
  }
}

/** For an answer that is not of the shape we know. */
export function notUnderstood(member: string): CliError {
  return new CliError(
    `The agent's answer to ${member} was not understood: it is of another version. Restart it: systemctl restart ovs-port-agent.service`,
    1,
  );
}
