// Tells of what a source sent and we cannot read: in the journal and in the ledger, within a bound.

import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import { shortened } from '../core/lib/shortened.ts';
import { EVENTS } from './event-actions.ts';
import type { EventLimits } from './event-limits.ts';

/** Characters of what is told of one. */
const REPORTED_MAX = 400;

export interface UnreadableEvents {
  /** @param problem one sentence; what is said again at once is told once */
  note(source: string, problem: string): void;
}

export interface UnreadableEventParts {
  ledger: Pick<Ledger, 'append'>;
  limits: Pick<EventLimits, 'admit'>;
  warn: (text: string) => void;
  onError: (error: unknown) => void;
}

export function openUnreadableEvents({
  ledger,
  limits,
  warn,
  onError,
}: UnreadableEventParts): UnreadableEvents {
  let last = '';
  return {
    note(source, problem) {
      const reported = shortened(problem, REPORTED_MAX);
      const text = `${source}: ${reported}`;
      if (text === last || !limits.admit(`odd:${source}`)) return;
      last = text;
      warn(`something that ${source} sent cannot be read: ${reported}`);
      const data = { source, problem: reported };
      ledger.append(entryOf(EVENTS, { action: 'event_unreadable', data })).catch(onError);
    },
  };
}
