// Records what happened to ports without a step of ours: found as they should be, or gone.

import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { AgentError } from '../core/lib/errors.ts';
import type { JsonObject } from '../core/lib/json.ts';
import type { DesiredPort } from '../core/plan/desired.ts';
import type { Observed, ObservedPort } from '../core/plan/observed.ts';
import type { Blocker } from '../core/plan/plan.ts';
import type { Step } from '../core/plan/steps.ts';
import { PORTS } from './event-actions.ts';
import { isRemoval } from './recorded-step.ts';

export interface UnplannedParts {
  ledger: Ledger;
  /** Names of the ports that OVSDB has at this moment. */
  presentPorts: () => ReadonlySet<string>;
  /** The port that has the device now. */
  holderOf: (link: string) => ObservedPort | undefined;
  /** Ports that were noted as usable. */
  bound: () => readonly { port: string; interface: string; bridge: string }[];
  onAttached: (desired: DesiredPort, data: JsonObject) => Promise<void>;
  onDetached: (port: string, data: JsonObject) => Promise<void>;
}

/**
 * A port that is as it should be, and that nobody has noted yet: its outcome was missed, because ovs-vswitchd took longer
 * than we waited, or because the agent died in between.
 */
export async function noteFound(
  { ledger, bound, holderOf, onAttached }: UnplannedParts,
  desired: readonly DesiredPort[],
  context: {
    failures: ReadonlyMap<string, AgentError>;
    blockers: readonly Blocker[];
    cause: () => Promise<number>;
  },
): Promise<void> {
  const noted = new Set(bound().map(({ port, interface: link }) => `${port}/${link}`));
  for (const desiredPort of desired) {
    if (noted.has(`${desiredPort.port}/${desiredPort.interface}`) || context.failures.has(desiredPort.port))
      continue;
    const row = holderOf(desiredPort.interface);
    const isRight =
      row?.row === (desiredPort.row ?? desiredPort.port) &&
      row.bridge === desiredPort.bridge &&
      (row.ofport ?? 0) > 0;
    if (!isRight || row.error !== undefined || context.blockers.some(({ port }) => port === desiredPort.port))
      continue;
    const { port, interface: link, bridge } = desiredPort;
    const data = { port, interface: link, bridge, driver: row.driver };
    await ledger.append(entryOf(PORTS, { action: 'port_found', data, cause: await context.cause() }));
    await onAttached(desiredPort, data);
  }
}

/** A link that vanished took its rows along, by NetworkManager's hand: no step of ours, but an end to record. */
export async function noteVanished(
  { ledger, bound, presentPorts, onDetached }: UnplannedParts,
  context: {
    steps: readonly Step[];
    desiredPorts: ReadonlySet<string>;
    inScope: (port: string) => boolean;
    cause: () => Promise<number>;
    links: Observed['links'];
  },
): Promise<void> {
  const present = presentPorts();
  const removed = new Set(context.steps.flatMap((step) => (isRemoval(step) ? [step.port.port] : [])));
  for (const { port, interface: link, bridge } of bound()) {
    if (!(context.desiredPorts.has(port) || context.inScope(port)) || present.has(port) || removed.has(port))
      continue;
    const reason = context.links.has(link) ? 'it is not in OVSDB any more' : 'its network device is gone';
    const data = { port, interface: link, bridge, reason };
    await ledger.append(entryOf(PORTS, { action: 'port_gone', data, cause: await context.cause() }));
    await onDetached(port, data);
  }
}
