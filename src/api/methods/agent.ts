// The methods about the agent itself: is it there, how is it, take this event, look at everything.

import { z } from 'zod';
import { eventResultSchema, portReportSchema } from '../../core/events/event-result.ts';
import { hookEventSchema } from '../../core/events/lifecycle-event.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { Agent } from '../../reconcile/agent.ts';
import type { StatusDocument } from '../answers/status.ts';
import { none, text } from '../arguments.ts';
import { type Answered, jsonMethod, type Method, method } from '../method.ts';

export interface AgentMethodParts {
  agent: Pick<Agent, 'handle' | 'reconcile'>;
  status: () => Promise<Answered<StatusDocument>>;
  /** A person wants to have all NICs now, however often they have vanished. */
  forgetLosses: () => void;
}

export function agentMethods(parts: AgentMethodParts): Method[] {
  return [
    method({
      name: 'ping',
      in: [],
      out: text('answer'),
      schema: none,
      answer: () => z.literal('pong'),
      run: async () => 'pong' as const,
    }),
    jsonMethod({
      name: 'lifecycle_event',
      in: [text('event')],
      outName: 'result',
      compact: true,
      schema: z.tuple([z.string().max(65_536, 'an event has at most 65536 characters')]),
      answer: () => eventResultSchema,
      run: ([json], caller) => parts.agent.handle(parseEvent(json), caller),
    }),
    jsonMethod({
      name: 'reconcile',
      changes: 'itself',
      in: [],
      outName: 'result',
      compact: true,
      schema: none,
      answer: () => z.array(portReportSchema),
      run: (_, caller) => {
        parts.forgetLosses();
        return parts.agent.reconcile(`asked for by ${caller.user}`);
      },
    }),
    jsonMethod({
      name: 'get_status',
      in: [],
      schema: none,
      answer: async () => (await import('../answers/status.ts')).statusSchema,
      run: () => parts.status(),
    }),
  ];
}

function parseEvent(json: string) {
  try {
    return hookEventSchema.parse(JSON.parse(json));
  } catch (error) {
    throw new AgentError('bad-event', 'The event was not understood', { cause: error });
  }
}
