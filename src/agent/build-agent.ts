// Builds the agent's heart, and what says when it is to beat.

import { createAgent } from '../reconcile/agent.ts';
import { openOverlooked } from '../reconcile/overlooked.ts';
import { openRecreateBackoff } from '../reconcile/recreate-backoff.ts';
import { guestAt, occasionOf, sourcesOf } from '../runtimes/runtime.ts';
import { buildConvergence } from './build-convergence.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import { buildTriggers } from './build-triggers.ts';
import { openSpool } from './open-spool.ts';
import { openReadiness } from './readiness.ts';
import type { Requests } from './requests.ts';

export type AgentParts = ReturnType<typeof buildAgent>;

export function buildAgent(parts: HostParts & GuestParts, requests: Requests) {
  const { runtimes, netmaker, reportedEvents, veths, steady, onError } = parts;
  const overlooked = openOverlooked();
  const recreateBackoff = openRecreateBackoff(steady);
  const agent = createAgent({
    ...parts,
    ...buildConvergence(parts, recreateBackoff),
    sources: overlooked.watch(sourcesOf(runtimes)),
    ready: openReadiness(parts, () => spool),
    containerAt: (id) => runtimes.docker.containers.resolveNow(id),
    publish: netmaker.publish,
    prepare: netmaker.prepare,
    // It has most often ended, and its namespace with it.
    release: (veth) => veths.release(veth).catch(() => undefined),
    guestAt: (vmid) => guestAt(runtimes, vmid),
    requeue: (vmid, ms) => {
      setTimeout(
        () => void requests.resync(vmid, 'its card rests under the name that Proxmox gave it').catch(onError),
        ms,
      ).unref();
    },
    occasionOf: (event) => occasionOf(runtimes, event),
    isWorthABlock: reportedEvents.isWorthABlock,
    leaveOut: reportedEvents.leaveOut,
    onRetriesChanged: requests.plan,
  });
  const reconciler = buildTriggers(parts, agent);
  const spool = openSpool({ ...parts, agent });
  requests.join(agent, reconciler);
  return { agent, reconciler, overlooked, recreateBackoff, spool };
}
