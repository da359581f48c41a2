// How the agent's first look at everything is waited for, and what ends it.

import { pause } from '../core/deadline.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';

/** How long the first reconcile may keep the service "starting": guests that start at boot wait for it. */
const FIRST_RECONCILE_MS = 10_000;

/** Guests that start at boot find their bridges; a host whose daemons are late is reconciled when they come. */
export async function firstReconcile(
  reconcile: (reason: string) => Promise<unknown>,
  ovsdb: Pick<OvsdbClient, 'until'>,
  onError: (error: unknown) => void,
): Promise<void> {
  const limit = pause(FIRST_RECONCILE_MS);
  const work = (async () => {
    await ovsdb.until(
      'OVSDB at start',
      FIRST_RECONCILE_MS,
      (replica) => replica.rows('Open_vSwitch').size || undefined,
    );
    await reconcile('start');
  })().catch(onError);
  await Promise.race([work, limit]);
}

/** The signal that asks the agent to stop. */
export function terminated(): Promise<'SIGTERM' | 'SIGINT'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}
