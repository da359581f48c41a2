// Closes the intents that a killed agent left without an outcome, by what is true now.

import type { HashedBlock, Ledger } from '../core/ledger/index.ts';
import { undeclared } from '../core/ledger/producer.ts';
import type { ObservedPort } from '../core/plan/observed.ts';

/** Each gets an outcome `…_interrupted` that says whether the thing is there; reconcile has run before. */
export async function settleIntents(
  ledger: Ledger,
  open: readonly HashedBlock[],
  observed: { ports: readonly ObservedPort[]; bridges: ReadonlyMap<string, unknown> },
): Promise<void> {
  for (const intent of open) {
    const data = isObject(intent.data) ? intent.data : {};
    const port = observed.ports.find((entry) => entry.port === data.port);
    const usable = port !== undefined && port.error === undefined && (port.ofport ?? 0) > 0;
    const present = intent.category === 'bridge' ? observed.bridges.has(String(data.bridge)) : usable;
    await ledger.append(
      undeclared({
        category: intent.category,
        action: `${intent.action}_interrupted`,
        data: { ...data, present_now: present },
        cause: intent.height,
        metadata: { kind: 'outcome' },
      }),
    );
  }
}

function isObject(value: unknown): value is { [key: string]: HashedBlock['data'] } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
