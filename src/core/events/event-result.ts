// What the agent answers to an event, for hooks, for people and for programs.

import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../lib/errors.ts';

export const portReportSchema = z.object({
  port: z.string(),
  interface: z.string(),
  bridge: z.string(),
  state: z.enum(['attached', 'detached', 'held', 'failed', 'unchanged']),
  /** Why it is held or failed, and the error's code. */
  reason: z.string().optional(),
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]).optional(),
});

export const eventResultSchema = z.object({
  ok: z.boolean(),
  /** One line for the task log. */
  message: z.string(),
  /** Height of the event's block; null for an event that was known already. */
  height: z.number().nullable(),
  ports: z.array(portReportSchema),
});

export type PortReport = z.infer<typeof portReportSchema>;
export type EventResult = z.infer<typeof eventResultSchema>;
