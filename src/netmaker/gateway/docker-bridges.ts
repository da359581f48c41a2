// Which bridges Docker has, as it said last: the gateway does not wait for a Docker that hangs.

import { withDeadline } from '../../core/lib/deadline.ts';

const DEADLINE_MS = 1000;

/** Never rejects. */
export function knownBridges(ask: () => Promise<readonly string[]>): () => Promise<readonly string[]> {
  let known: readonly string[] = [];
  return async () => {
    known = await withDeadline(DEADLINE_MS, "Docker's list of networks", ask).catch(() => known);
    return known;
  };
}
