// Asks ovs-vswitchd whether it is there, over its control socket (ovs-appctl(8); the wire format is OVSDB's).

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isAgentError, isErrno } from '../lib/errors.ts';
import { connectOvsdb } from './connection.ts';

/**
 * Its version as it tells it. Rows stay in the database when the daemon dies, and a process that hangs still has its number: so
 * the daemon itself is asked. Throws what kept it from answering.
 *
 * @param directory `/run/openvswitch`
 */
export async function askVswitchd(directory: string, deadlineMs: number): Promise<string> {
  const pid = Number(await readFile(join(directory, 'ovs-vswitchd.pid'), 'utf8'));
  if (!Number.isInteger(pid) || pid <= 0) throw new Error('its pid file holds no number');
  const connection = await connectOvsdb(join(directory, `ovs-vswitchd.${pid}.ctl`), deadlineMs);
  try {
    const answer = z.string().parse(await connection.request('version', [], deadlineMs));
    return answer.trim().slice(0, 100);
  } finally {
    connection.close();
  }
}

/** Why it does not answer, in words, or undefined when it does. */
export async function vswitchdProblem(directory: string, deadlineMs: number): Promise<string | undefined> {
  try {
    await askVswitchd(directory, deadlineMs);
    return undefined;
  } catch (error) {
    if (isAgentError(error, 'deadline-exceeded')) return 'it runs, and hangs';
    const cause = isAgentError(error) ? error.cause : error;
    return isErrno(cause, 'ENOENT', 'ECONNREFUSED') ? 'it does not run' : String(cause);
  }
}
