// What stands before each reconcile: the runtimes' watches, the switch and NetworkManager, and the host's part for Netmaker.

import { whenReady } from '../reconcile/wait-ready.ts';
import { listOf } from '../runtimes/runtime.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';

/** @param spool it is there by the first reconcile; what could not be taken in when it came, nothing else asks for again */
export function openReadiness(
  { runtimes, networkManager, ovsdb, facts, netmaker, onError }: HostParts & GuestParts,
  spool: () => { absorb(): Promise<unknown> },
): () => Promise<boolean> {
  return async () => {
    await Promise.all(listOf(runtimes).map((runtime) => runtime.ensure?.()));
    const isReady = await whenReady(networkManager, ovsdb, facts.refresh);
    if (isReady) await netmaker.reconcile();
    void spool().absorb().catch(onError);
    return isReady;
  };
}
