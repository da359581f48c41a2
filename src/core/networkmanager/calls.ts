// How the parts of this folder ask NetworkManager for something.

import type { Answering } from './answering.ts';

/** Milliseconds for a question. With hundreds of ports NetworkManager may be busy that long; a hook waits ten seconds. */
const READ_MS = 5_000;
export const CHANGE_MS = 10_000;

/** Throws `networkmanager-unavailable` or `bus-call-failed`, see `answering.ts`. */
export type Call = (
  path: string,
  iface: string,
  member: string,
  signature?: string,
  body?: unknown[],
  deadlineMs?: number,
) => Promise<unknown[]>;

export function callsOf(answering: Answering): Call {
  return (path, iface, member, signature = '', body = [], deadlineMs = READ_MS) =>
    answering.call({ path, interface: iface, member, signature, body, deadlineMs });
}
