// Sends one checkpoint to a witness by HTTP or HTTPS, bounded in time and in what is read of the answer.

import { request as plainRequest, type RequestOptions } from 'node:http';
import { withDeadline } from '../../core/lib/deadline.ts';
import { AgentError } from '../../core/lib/errors.ts';

export interface Reply {
  readonly status: number;
  readonly body: string;
  /** Seconds that the witness wants to be left alone, if it says so. */
  readonly retryAfter: number | undefined;
}

export interface PostOptions {
  /** Where the witness is; `/add-checkpoint` is added. */
  readonly url: string;
  /** PEM text of who has signed its certificate; absent: whom the system trusts. */
  readonly ca?: string | undefined;
  readonly deadlineMs: number;
  /** Ends it at once when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Some cosignatures; the specification allows several. */
const MAX_REPLY_BYTES = 16 * 1024;

/** Throws `witness-unreachable`, `deadline-exceeded`. Redirects are not followed. */
export async function postCheckpoint(
  body: string,
  { url, ca, deadlineMs, signal: leave }: PostOptions,
): Promise<Reply> {
  const target = new URL(`${url.replace(/\/+$/, '')}/add-checkpoint`);
  const isSecure = target.protocol === 'https:';
  // What speaks TLS is much code: only who asks such a witness loads it.
  const request = isSecure ? (await import('node:https')).request : plainRequest;
  const bytes = Buffer.from(body, 'utf8');
  const options: RequestOptions & { ca?: string } = {
    method: 'POST',
    agent: false,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': bytes.length },
    ...(ca !== undefined && { ca }),
  };
  return withDeadline(
    deadlineMs,
    `the witness at ${target.host}`,
    (signal) =>
      new Promise<Reply>((resolve, reject) => {
        const failed = (error: unknown) =>
          reject(
            new AgentError('witness-unreachable', `The witness at ${target.host} was not reached`, {
              cause: error,
            }),
          );
        const sent = request(target, { ...options, signal }, (response) => {
          const parts: Buffer[] = [];
          let length = 0;
          response.on('data', (part: Buffer) => {
            length += part.length;
            parts.push(part);
            if (length > MAX_REPLY_BYTES) sent.destroy(new Error('its answer is too long'));
          });
          response.on('error', failed);
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(parts).toString('utf8'),
              retryAfter: secondsOf(response.headers['retry-after']),
            }),
          );
        });
        sent.on('error', failed);
        const destroy = () => sent.destroy(new Error('the agent ends'));
        leave?.addEventListener('abort', destroy, { once: true });
        sent.on('close', () => leave?.removeEventListener('abort', destroy));
        if (leave?.aborted) destroy();
        sent.end(bytes);
      }),
  );
}

function secondsOf(header: string | undefined): number | undefined {
  return header !== undefined && /^[0-9]{1,6}$/.test(header) ? Number(header) : undefined;
}
