// Calls of the D-Bus service that are to be refused, and what of the host may not change by them.

import { expect } from 'vitest';
import type { AgentHost, Traces } from './agent-host.ts';

export interface State extends Traces {
  height: number;
}

/** That somebody called is recorded of each call that could change something, whatever became of it: it changes nothing. */
export async function stateNow(host: AgentHost): Promise<State> {
  const blocks = (await host.ledger()).filter(({ action }) => action !== 'call_made');
  return { ...(await host.traces()), height: blocks.length };
}

export const refusal = (host: AgentHost, member: string, signature: string, ...args: string[]) =>
  host.call(member, signature, '--', ...args).then(
    () => 'it was not refused',
    (error: Error) => error.message,
  );

/** The call fails with a text that matches, and the host is as it was, down to the ledger. */
export async function expectRefused(
  host: AgentHost,
  message: RegExp,
  ...call: [string, string, ...string[]]
): Promise<void> {
  const before = await stateNow(host);
  expect(await refusal(host, ...call)).toMatch(message);
  expect(await stateNow(host)).toEqual(before);
}
