// Builds what the agent knows the host by: its configuration, the bus, the ledger, Open vSwitch and NetworkManager.

import { connectSystemBus } from '../core/bus/system-bus.ts';
import { loadConfig } from '../core/config/load.ts';
import { openGiven } from '../core/kernel/given.ts';
import { readHost } from '../core/kernel/host.ts';
import { openParking } from '../core/kernel/parking.ts';
import { openVeths } from '../core/kernel/veth.ts';
import { AgentError } from '../core/lib/errors.ts';
import { converse, exec as direct, follow, keep } from '../core/lib/exec.ts';
import { openLauncher } from '../core/lib/launcher.ts';
import type { Log } from '../core/lib/log.ts';
import { openWatching } from '../core/lib/watch.ts';
import { liveConfig } from './live-config.ts';
import { openRecords } from './open-records.ts';
import { openSwitch } from './open-switch.ts';
import { PLACES } from './places.ts';

export type HostParts = Awaited<ReturnType<typeof buildHost>>;

/** Throws `bad-config`, and what keeps bus or ledger from being opened. */
export async function buildHost(log: Log) {
  const onError = (error: unknown) =>
    log.error(error instanceof AgentError ? error.toLine() : `unexpected: ${String(error)}`);
  const now = Date.now;
  const steady = () => performance.now();
  const startedAt = new Date(now()).toISOString();
  const { config: first, warnings } = await loadConfig();
  const live = liveConfig(first);
  const { config } = live;
  for (const warning of warnings) log.warning(warning);
  const host = await readHost();
  const { bootId } = host;

  const bus = await connectSystemBus();
  const watching = openWatching({
    onPoll: ({ path, reason }) => log.warning(`${path} is looked at every second: ${reason}`),
  });
  const records = await openRecords({ config, warnings, host, bus, watching, log, now, steady, onError });
  const { noteUnreadable } = records.reportedEvents;
  const switches = await openSwitch({ bus, bootId, configured: config.driver, noteUnreadable });
  const launcher = openLauncher({
    start: () => converse('perl', [PLACES.launcher]),
    direct,
    onProblem: log.warning,
  });
  const { exec } = launcher;
  const parking = openParking(keep);
  const veths = openVeths(exec, parking, openGiven(PLACES.given));
  return {
    log,
    onError,
    now,
    steady,
    exec,
    follow,
    live,
    config,
    host,
    bootId,
    startedAt,
    bus,
    watching,
    ...records,
    ...switches,
    parking,
    launcher,
    veths,
  };
}
