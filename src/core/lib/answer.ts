// What one source was asked by itself: its answer within the deadline, or the reason why there is none.

import { withDeadline } from './deadline.ts';
import { type ErrorCode, isAgentError, isErrno } from './errors.ts';

/** Something that was asked of the host: the answer, or why there is none. */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string; readonly code?: ErrorCode };

/** The value, or undefined where there is no answer. */
export function answered<T>(answer: Answer<T>): T | undefined {
  return answer.ok ? answer.value : undefined;
}

/** Never throws. */
export async function attempt<T>(what: string, ms: number, work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await withDeadline(ms, what, work) };
  } catch (error) {
    return { ok: false, reason: `${what}: ${reasonOf(error)}`, ...codeOf(error) };
  }
}

function reasonOf(error: unknown): string {
  const root = rootCause(error);
  if (isErrno(root, 'ENOENT')) return `${root.path ?? addressOf(root) ?? 'it'} does not exist`;
  if (isErrno(root, 'ECONNREFUSED')) return 'nobody answers on the socket';
  if (isErrno(root, 'EACCES', 'EPERM')) return 'permission denied; run this as root';
  if (root instanceof Error) return oneLine(root.message);
  return oneLine(String(root));
}

/** A refused connection names its socket so. */
function addressOf(error: object): string | undefined {
  return 'address' in error && typeof error.address === 'string' ? error.address : undefined;
}

function codeOf(error: unknown): Pick<Answer<never> & { ok: false }, 'code'> | Record<never, never> {
  return isAgentError(error) ? { code: error.code } : {};
}

function rootCause(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? rootCause(error.cause) : error;
}

/** A schema's message is a page of JSON: its first line will do. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 200);
}
