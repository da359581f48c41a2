// What is asked of a runtime without the agent: whether one of its guests runs, and what is wrong with the runtime itself.

import type { GuestRuntime } from '../core/guest/runtimes.ts';
import type { Finding } from '../core/lib/finding.ts';

export interface GuestToAsk {
  runtime: GuestRuntime;
  vmid: number;
  name: string;
  /** Docker's 64 digits. */
  id?: string;
}

/** Where things of ours are. */
export interface DiagnosisPlace {
  /** `/var/lib/ovs-port-agent`. */
  stateDir: string;
}

/**
 * One for each runtime, in its folder; src/diagnose/runtimes.ts is the list. `Host` is what it has to know of the host,
 * `Own` what it asks besides, for `doctor` alone.
 */
export interface Diagnosis<Host, Own = undefined> {
  /** Never throws. */
  look(host: Host, place: DiagnosisPlace): Promise<Own>;
  /** What `doctor` says of it, in the order of the output; pure. */
  check(host: Host, own: Own): Finding[];
  /** Undefined: it cannot be known. Never throws. */
  runs(guest: GuestToAsk, host: Host): Promise<boolean | undefined>;
}
