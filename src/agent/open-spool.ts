// Takes in what hooks left in the spool while the agent was away.

import { findEvents } from '../core/ledger/index.ts';
import { entryOf } from '../core/ledger/producer.ts';
import { AgentError } from '../core/lib/errors.ts';
import { spoolAbsorber } from '../reconcile/absorb-spool.ts';
import type { Agent } from '../reconcile/agent.ts';
import { EVENTS } from '../reconcile/event-actions.ts';
import type { HostParts } from './build-host.ts';
import { PLACES } from './places.ts';

type SpoolParts = Pick<HostParts, 'config' | 'ledger' | 'startHeight' | 'watching' | 'now'> & {
  agent: Agent;
};

export function openSpool({ agent, config, ledger, startHeight, watching, now }: SpoolParts) {
  return spoolAbsorber({
    directory: PLACES.spool,
    watching,
    recorded: (ids) => findEvents(config.ledger.path, ids),
    async handle(event, recordedAt) {
      if (recordedAt !== undefined && recordedAt < startHeight) return agent.finish(event, recordedAt);
      const { ok, height, message } = await agent.handle(event, undefined, true);
      if (!ok && height === null) throw new AgentError('ledger-write-failed', message);
    },
    onRejected: async (file, problem) => {
      await ledger.append(entryOf(EVENTS, { action: 'spool_rejected', data: { file, problem } }));
    },
    onLeftOut: async (count) => {
      const data = { count, reason: 'too many waited in the spool already' };
      await ledger.append(entryOf(EVENTS, { action: 'events_lost', data }));
    },
    now,
  });
}
