// How the agent's first look at everything is waited for, and what ends it.

import { noteConfigError, noteStartError } from '../core/config/in-force.ts';
import { pause } from '../core/lib/deadline.ts';
import { isAgentError } from '../core/lib/errors.ts';
import type { Exec } from '../core/lib/exec.ts';
import type { Log } from '../core/lib/log.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';

/** How long the first reconcile may keep the service "starting": guests that start at boot wait for it. */
const FIRST_RECONCILE_MS = 10_000;

/** Guests that start at boot find their bridges; a host whose daemons are late is reconciled when they come. */
export async function firstReconcile(
  reconcile: (reason: string) => Promise<unknown>,
  ovsdb: Pick<OvsdbClient, 'until'>,
  onError: (error: unknown) => void,
): Promise<void> {
  const limit = pause(FIRST_RECONCILE_MS);
  const work = (async () => {
    await ovsdb.until(
      'OVSDB at start',
      FIRST_RECONCILE_MS,
      (replica) => replica.rows('Open_vSwitch').size || undefined,
    );
    await reconcile('start');
  })().catch(onError);
  await Promise.race([work, limit]);
}

/**
 * The signal that asks the agent to stop. It goes on being listened to: while a program of ours runs, execa listens,
 * too, to end it with us, and ends the process at once when it finds that nobody else does.
 */
export function terminated(): Promise<'SIGTERM' | 'SIGINT'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
}

/** What the unit does not try again (RestartPreventExitStatus=): a person has to correct the file first. */
const BAD_CONFIG_EXIT = 2;

interface EndParts {
  log: Log;
  runtimeDir: string;
  exec: Exec;
  /** `NOTIFY_SOCKET`: where systemd takes the line for its status. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Says why the agent could not start, where each who misses it will look; returns the exit code. Never throws. */
export async function endStart(error: unknown, { log, runtimeDir, exec, env }: EndParts): Promise<number> {
  const line = isAgentError(error) ? error.toLine() : `could not start: ${String(error)}`;
  log.error(line);
  await noteStartError(runtimeDir, line).catch(() => undefined);
  if (!isAgentError(error, 'bad-config')) return 1;
  await noteConfigError(runtimeDir, error.reason).catch(() => undefined);
  const socket = env.NOTIFY_SOCKET;
  if (socket !== undefined) {
    await exec('systemd-notify', [`--status=${line}`], { env: { NOTIFY_SOCKET: socket } }).catch(
      () => undefined,
    );
  }
  return BAD_CONFIG_EXIT;
}
