// Which inner ends of ports were set up since the agent started, and how.

import type { VethRequest } from '../core/kernel/veth-request.ts';
import { announcedWith, type DesiredPort } from '../core/plan/desired.ts';
import type { Step } from '../core/plan/steps.ts';

export interface SetUps {
  /** Those of the ports whose inner end was set up as it is asked for now. */
  of(desired: readonly DesiredPort[]): ReadonlySet<string>;
  /** Notes what a step did that is done. */
  note(step: Step): void;
  forget(isOver: (port: string) => boolean): void;
}

export function openSetUps(): SetUps {
  const setUps = new Map<string, string>();
  return {
    of: (desired) =>
      new Set(desired.flatMap(({ port, veth }) => (setUps.get(port) === setUpOf(veth) ? [port] : []))),
    note(step) {
      // Where addresses are announced, that comes last: one that failed is tried again with what comes before it.
      if (
        step.kind === 'announce_addresses' ||
        ((step.kind === 'configure_guest' || step.kind === 'disable_offload') &&
          announcedWith(step.desired).length === 0)
      )
        setUps.set(step.desired.port, setUpOf(step.desired.veth));
      if (step.kind === 'detach_port' || step.kind === 'release_port') setUps.delete(step.port.port);
    },
    forget(isOver) {
      for (const port of setUps.keys()) if (isOver(port)) setUps.delete(port);
    },
  };
}

/** Tells one set-up of an inner end from another; for a veth that somebody else made only offload is turned off. */
const setUpOf = (veth: VethRequest | undefined) =>
  veth === undefined
    ? 'offload'
    : JSON.stringify([veth.pid, veth.addresses, veth.gateways, veth.networks, veth.nameservers]);
