// What the agent answers to an event, for hooks, for people and for programs. Descriptions are the
// tables of docs/dbus.md.

import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../lib/errors.ts';

export const portReportSchema = z.object({
  port: z.string().describe('name of the port'),
  interface: z.string().describe('device of the host that the NIC ends in'),
  bridge: z.string().describe('name of the bridge'),
  state: z.enum(['attached', 'detached', 'held', 'failed', 'unchanged']).describe('what became of it'),
  reason: z.string().optional().describe('why it is held or failed'),
  code: z
    .enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])
    .optional()
    .describe('[code](errors.md) of `reason`'),
});

export const eventResultSchema = z.object({
  ok: z.boolean().describe('whether the guest has what it should have'),
  message: z.string().describe("one line for Proxmox's task log"),
  height: z
    .number()
    .nullable()
    .describe("number of the event's block; `null` for an event that was known already"),
  ports: z.array(portReportSchema).describe('the ports that it was about'),
});

export type PortReport = z.infer<typeof portReportSchema>;
export type EventResult = z.infer<typeof eventResultSchema>;
