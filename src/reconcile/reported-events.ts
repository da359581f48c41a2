// Which events of sources get into the ledger: those of our guests, within a bound for each, and what cannot be read.

import type { Config } from '../core/config/config.ts';
import { claimKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { Resolution } from '../runtimes/source.ts';
import { openEventLimits } from './event-limits.ts';
import { type OddEvents, openOddEvents } from './unreadable-events.ts';

export interface ToldEvents {
  isWorthABlock(event: LifecycleEvent, resolution?: Resolution): boolean;
  /** Counts an event that is not recorded; it is told as part of a sum. */
  leaveOut(event: LifecycleEvent, resolution?: Resolution): void;
  noteOdd: OddEvents['note'];
  /** Tells what is still untold. */
  close(): Promise<void>;
}

export interface ToldEventParts {
  config: Pick<Config, 'docker'>;
  ledger: Pick<Ledger, 'append'>;
  warn: (text: string) => void;
  onError: (error: unknown) => void;
}

export function openToldEvents({ config, ledger, warn, onError }: ToldEventParts): ToldEvents {
  const limits = openEventLimits({ ledger, now: () => performance.now(), onError });
  const odd = openOddEvents({ ledger, limits, warn, onError });
  const concernsUs = (resolution: Resolution | undefined) =>
    resolution?.isOurs !== false || config.docker.record === 'all';
  return {
    isWorthABlock: (event, resolution) => concernsUs(resolution) && limits.admit(claimKeyOf(event)),
    leaveOut(event, resolution) {
      if (concernsUs(resolution)) limits.leaveOut(claimKeyOf(event), event);
    },
    noteOdd: odd.note,
    close: () => limits.close().catch(onError),
  };
}
