// NetworkManager's devices of kernel links.

import { z } from 'zod';
import { type Bus, busErrorType } from '../bus/bus.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Call } from './calls.ts';
import { ABSENT_ERRORS, NM, NM_PATH, PROPERTIES } from './names.ts';
import type { Departure, NextEvent } from './waiting.ts';

const pathReply = z.tuple([z.string()]).rest(z.unknown());

export interface DeviceParts {
  bus: Pick<Bus, 'variant'>;
  call: Call;
  departure: Departure;
  /** Happens when NetworkManager has seen a device, and when it has gone. */
  added: NextEvent;
}

async function find(call: Call, link: string): Promise<string> {
  return pathReply.parse(await call(NM_PATH, NM, 'GetDeviceByIpIface', 's', [link]))[0];
}

/** Object path of the device of a kernel link; waits for NetworkManager to notice a fresh one. */
export function devicePath(
  { call, departure, added }: DeviceParts,
  link: string,
  deadlineMs: number,
): Promise<string> {
  const seen = async (signal: AbortSignal): Promise<string> => {
    for (;;) {
      const next = added.wait(signal);
      try {
        return await find(call, link);
      } catch (error) {
        if (!ABSENT_ERRORS.includes(busErrorType(error) ?? '')) throw error;
      }
      await next;
      if (signal.aborted) throw signal.reason;
    }
  };
  const what = `waiting for NetworkManager to see ${link}`;
  return withDeadline(deadlineMs, what, (signal) => departure.whileThere(seen(signal)));
}

/** Leaves a link alone again, as before we activated a profile on it; one that is gone is fine. */
export async function unmanage({ bus, call }: DeviceParts, link: string): Promise<void> {
  try {
    const device = await find(call, link);
    await call(device, PROPERTIES, 'Set', 'ssv', [`${NM}.Device`, 'Managed', bus.variant('b', false)]);
  } catch (error) {
    if (!ABSENT_ERRORS.includes(busErrorType(error) ?? '')) throw error;
  }
}
