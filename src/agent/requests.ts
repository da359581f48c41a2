// What parts ask of the agent's heart: they are there before it, so it is joined to them once it is built.

import type { Agent } from '../reconcile/agent.ts';
import type { Reconciler } from '../reconcile/triggers.ts';

export interface Requests {
  /** See `Agent.look`; false before the heart is there. */
  resync: Agent['resync'];
  /** Has everything reconciled soon. */
  soon(reason: string): void;
  /** Plans the next try of what failed. */
  plan(): void;
  join(agent: Agent, reconciler: Reconciler): void;
}

export function openRequests(): Requests {
  let heart: { agent: Agent; reconciler: Reconciler } | undefined;
  return {
    resync: async (vmid, reason) => (await heart?.agent.resync(vmid, reason)) ?? false,
    soon: (reason) => heart?.reconciler.soon(reason),
    plan: () => heart?.reconciler.plan(),
    join(agent, reconciler) {
      heart = { agent, reconciler };
    },
  };
}
