// Which events of sources get into the ledger: those of our guests, within a bound for each, and what cannot be read.

import type { Config } from '../core/config/config.ts';
import { desiredKeyOf, type LifecycleEvent } from '../core/events/lifecycle-event.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { Resolution } from '../runtimes/source.ts';
import { openEventLimits } from './event-limits.ts';
import { openUnreadableEvents, type UnreadableEvents } from './unreadable-events.ts';

export interface ReportedEvents {
  isWorthABlock(event: LifecycleEvent, resolution?: Resolution): boolean;
  /** Counts an event that is not recorded; it is told as part of a sum. */
  leaveOut(event: LifecycleEvent, resolution?: Resolution): void;
  noteUnreadable: UnreadableEvents['note'];
  /** Tells what is still untold. */
  close(): Promise<void>;
}

export interface ReportedEventParts {
  config: Pick<Config, 'docker'>;
  ledger: Pick<Ledger, 'append'>;
  warn: (text: string) => void;
  onError: (error: unknown) => void;
}

export function openReportedEvents({ config, ledger, warn, onError }: ReportedEventParts): ReportedEvents {
  const limits = openEventLimits({ ledger, now: () => performance.now(), onError });
  const unreadable = openUnreadableEvents({ ledger, limits, warn, onError });
  const concernsUs = (resolution: Resolution | undefined) =>
    resolution?.isOurs !== false || config.docker.record === 'all';
  return {
    isWorthABlock: (event, resolution) => concernsUs(resolution) && limits.admit(desiredKeyOf(event)),
    leaveOut(event, resolution) {
      if (concernsUs(resolution)) limits.leaveOut(desiredKeyOf(event), event);
    },
    noteUnreadable: unreadable.note,
    close: () => limits.close().catch(onError),
  };
}
