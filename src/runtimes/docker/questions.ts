// Single questions to the Docker engine over its socket (Engine API); no client library for two GETs.

import { request } from 'node:http';
import { z } from 'zod';
import { type Answer, attempt } from '../../core/lib/answer.ts';

const DEADLINE_MS = 3000;
const BYTES_MAX = 4 * 1024 * 1024;

const versionSchema = z.object({ Version: z.string() });
const containerSchema = z.object({ State: z.object({ Running: z.boolean() }) });

export function dockerVersion(socketPath: string): Promise<Answer<string>> {
  return attempt('Docker', DEADLINE_MS, async () => {
    const { body } = await get(socketPath, '/version');
    return versionSchema.parse(JSON.parse(body)).Version;
  });
}

/** Whether the container runs; false for one that does not exist. */
export function dockerRuns(socketPath: string, nameOrId: string): Promise<Answer<boolean>> {
  return attempt('Docker', DEADLINE_MS, async () => {
    const { status, body } = await get(socketPath, `/containers/${encodeURIComponent(nameOrId)}/json`);
    return status !== 404 && containerSchema.parse(JSON.parse(body)).State.Running;
  });
}

function get(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: DEADLINE_MS }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BYTES_MAX) answer.destroy(new Error('the answer is too long'));
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on('error', reject);
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${DEADLINE_MS} ms`)));
    call.on('error', reject);
    call.end();
  });
}
