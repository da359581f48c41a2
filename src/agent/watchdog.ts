// Tells systemd that the agent is alive (sd_notify(3)): one that hangs is ended and started anew.

import type { Exec } from '../core/lib/exec.ts';

export interface WatchdogParts {
  exec: Exec;
  /** The agent's own environment: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` in microseconds. */
  env: Readonly<Record<string, string | undefined>>;
  onError: (error: unknown) => void;
}

/** Reports three times within the time that systemd allows; does nothing where systemd does not ask for it. */
export function startWatchdog({ exec, env, onError }: WatchdogParts): { close(): void } {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: limit } = env;
  const everyMs = Number(limit) / 3_000;
  if (socket === undefined || !(everyMs > 0)) return { close: () => undefined };
  // Node has no datagram sockets of this kind; the tool is systemd's own.
  const report = () => {
    exec('systemd-notify', ['WATCHDOG=1'], { env: { NOTIFY_SOCKET: socket } }).catch(onError);
  };
  report();
  const timer = setInterval(report, everyMs);
  return { close: () => clearInterval(timer) };
}
