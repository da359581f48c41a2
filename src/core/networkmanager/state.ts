// Whether NetworkManager runs, what it can do, and whether it is still bringing up what it had.

import { z } from 'zod';
import { type Bus, busErrorType } from '../bus/bus.ts';
import { withDeadline } from '../lib/deadline.ts';
import { isAgentError } from '../lib/errors.ts';
import type { Answering } from './answering.ts';
import type { Call } from './calls.ts';
import { CAPABILITY_OVS, NM, NM_PATH, PROPERTIES } from './names.ts';
import { type Departure, NextEvent } from './waiting.ts';

export interface NetworkManagerState {
  running: boolean;
  /** Has its name on the bus and does not answer; `running` is false then, nothing can be had from it. */
  silent: boolean;
  ovs: boolean;
  version: string;
  /** True while NetworkManager is still bringing up what it had (property Startup). */
  starting: boolean;
}

/** Of a host on which nobody has its name on the bus. */
export const NO_NETWORKMANAGER: NetworkManagerState = {
  running: false,
  silent: false,
  ovs: false,
  version: '',
  starting: false,
};

const stateSchema = z.object({
  Version: z.string(),
  Capabilities: z.array(z.number()).default([]),
  Startup: z.boolean(),
});

export interface StateParts {
  bus: Bus;
  call: Call;
  answering: Pick<Answering, 'silent'>;
  departure: Departure;
}

export async function readState({ call, answering }: StateParts): Promise<NetworkManagerState> {
  try {
    const [properties] = await call(NM_PATH, PROPERTIES, 'GetAll', 's', [NM]);
    const found = stateSchema.parse(properties);
    return {
      running: true,
      silent: false,
      ovs: found.Capabilities.includes(CAPABILITY_OVS),
      version: found.Version,
      starting: found.Startup,
    };
  } catch (error) {
    const isAway = busErrorType(error) !== undefined || isAgentError(error, 'networkmanager-unavailable');
    if (!isAway) throw error;
    return { ...NO_NETWORKMANAGER, silent: answering.silent };
  }
}

/** Resolves once NetworkManager has brought up what it had, or has gone. Throws `deadline-exceeded`. */
export function settled(parts: StateParts, deadlineMs: number): Promise<void> {
  return withDeadline(deadlineMs, "NetworkManager's start-up", async (signal) => {
    const change = new NextEvent();
    const happened = () => change.happened();
    // Only for as long as it takes: with 200 ports each attach brings a dozen of these, each with all devices in it.
    const rule = { sender: NM, interface: PROPERTIES, member: 'PropertiesChanged', path: NM_PATH };
    const unsubscribe = await parts.bus.subscribe(rule, happened);
    const stopListening = parts.departure.onLeave(happened);
    try {
      for (;;) {
        const changed = change.wait(signal);
        const state = await readState(parts);
        if (!state.running || !state.starting) return;
        await changed;
        if (signal.aborted) throw signal.reason;
      }
    } finally {
      stopListening();
      await unsubscribe();
    }
  });
}
