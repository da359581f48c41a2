// What the parts of this driver share, and how they try again when somebody else's transaction was first.

import { pause } from '../../lib/deadline.ts';
import { isAgentError } from '../../lib/errors.ts';
import type { Operation, OvsdbClient } from '../../ovsdb/client.ts';
import type { ObservedPort } from '../../plan/observed.ts';
import type { BridgeSpec } from '../driver.ts';
import { observePorts } from './observe.ts';

export interface OvsdbDriverParts {
  ovsdb: OvsdbClient;
  bootId: string;
  /** Brings a bridge's own interface up. */
  bringUp: (link: string, spec: Pick<BridgeSpec, 'addresses' | 'ipv6'>) => Promise<void>;
}

/** Waits before another try: the replica tells meanwhile what somebody else's transaction changed. */
const RETRY_MS = [20, 100, 300] as const;

/** Builds the operations from the rows as they are at that moment, and again when somebody else was first. */
export async function withRetry(work: () => Promise<void>): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return attempt;
    } catch (error) {
      const wait = RETRY_MS[attempt - 1];
      if (wait === undefined || !isAgentError(error, 'ovsdb-refused')) throw error;
      await pause(wait);
    }
  }
}

/** `undefined` of `build` means that there is nothing to do. Returns how many tries it took. */
export function transact(
  ovsdb: Pick<OvsdbClient, 'transact'>,
  build: () => Operation[] | undefined,
): Promise<number> {
  return withRetry(async () => {
    const operations = build();
    if (operations !== undefined) await ovsdb.transact(operations);
  });
}

export function rowNamed({ replica }: Pick<OvsdbClient, 'replica'>, row: string): ObservedPort | undefined {
  return observePorts(replica).find((port) => port.row === row);
}
