// A block each hour, so that a ledger which says nothing is one that was silenced.

import { entryOf } from '../producer.ts';
import type { Ledger } from '../writer.ts';
import { LEDGER_EVIDENCE } from './actions.ts';

export interface HeartbeatParts {
  readonly ledger: Pick<Ledger, 'append'>;
  readonly everySeconds: number;
  /** Size of the newest checkpoint. */
  readonly newest: () => number | undefined;
  /** Seconds of a clock that only goes forward. */
  readonly mono: () => number;
  readonly onError: (error: unknown) => void;
}

/** Returns the way to end it. */
export function beat({ ledger, everySeconds, newest, mono, onError }: HeartbeatParts): () => void {
  let count = 0;
  const timer = setInterval(() => {
    count += 1;
    const data = {
      beat: count,
      every_s: everySeconds,
      mono_s: Math.floor(mono()),
      checkpoint: newest() ?? null,
    };
    ledger.append(entryOf(LEDGER_EVIDENCE, { action: 'ledger_heartbeat', data })).catch(onError);
  }, everySeconds * 1000);
  timer.unref();
  return () => clearInterval(timer);
}
