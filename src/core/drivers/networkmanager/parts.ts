// What the parts of this driver share, and which failures they try again after.

import { pause } from '../../lib/deadline.ts';
import { isAgentError } from '../../lib/errors.ts';
import type { NetworkManager } from '../../networkmanager/networkmanager.ts';
import type { OvsdbClient } from '../../ovsdb/client.ts';
import type { SwitchDriver } from '../driver.ts';

export interface DriverParts {
  networkManager: NetworkManager;
  ovsdb: OvsdbClient;
  /** What works on rows that no profile holds. */
  rows: Pick<SwitchDriver, 'attach' | 'mark' | 'release'>;
  bootId: string;
  /** Has a bridge's own interface believe no guest, and without IPv6 unless it is asked for. */
  makeDeaf: (link: string, ipv6: boolean) => Promise<void>;
}

export const ACTIVATION_MS = 15_000;
/** Waits before a second, third and fourth try: other writers of OVSDB make NetworkManager's guards fail. */
const RETRY_MS = [100, 300, 1000] as const;

/** Runs `work` with the number of the try, again after a failure that another try can mend; throws the last one's. */
export async function withRetry<T>(work: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      const wait = RETRY_MS[attempt - 1];
      if (wait === undefined || !isTransient(error)) throw error;
      await pause(wait);
    }
  }
}

/** A lost race in OVSDB, a device that came and went. */
function isTransient(error: unknown): boolean {
  return isAgentError(error, 'activation-failed') || isAgentError(error, 'bus-call-failed');
}

export async function dropProfiles(
  networkManager: Pick<NetworkManager, 'deleteProfile'>,
  uuids: readonly string[],
): Promise<void> {
  await Promise.all(uuids.map((uuid) => networkManager.deleteProfile(uuid)));
}
