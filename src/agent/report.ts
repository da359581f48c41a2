// What the agent says of itself: its health and its status.

import { dirname } from 'node:path';
import { openHealth } from '../api/health.ts';
import { statusReport } from '../api/status.ts';
import type { AgentParts } from './build-agent.ts';
import type { GuestParts } from './build-guests.ts';
import type { HostParts } from './build-host.ts';
import { PLACES } from './places.ts';
import type { Reloader } from './reload.ts';
import { VERSION } from './version.ts';

export type Report = ReturnType<typeof openReport>;

/** @param configuration when the configuration was read, and which keys wait for a restart */
export function openReport(parts: HostParts & GuestParts & AgentParts, configuration: Reloader['summary']) {
  const { netmaker, runtimes, watching } = parts;
  const health = openHealth({
    ...parts,
    switchDirectory: dirname(PLACES.switchPidFile),
    polled: watching.polled,
    withdrawn: netmaker.withdrawn,
    unreached: netmaker.unreached,
  });
  const status = () =>
    statusReport({
      ...parts,
      version: VERSION,
      dockerConnected: runtimes.docker.isConnected(),
      health,
      netmaker: netmaker.summary(),
      configuration: configuration(),
      locksProblem: runtimes.proxmox.locksProblem(),
    });
  return { health, status };
}
