// Watches the configurations of Proxmox's guests: for what a change means now, and for guests that are new.

import type { Bus } from '../core/bus/bus.ts';
import type { Config } from '../core/config/config.ts';
import type { Log } from '../core/lib/log.ts';
import type { Watching } from '../core/lib/watch.ts';
import { autoEnrolment } from '../runtimes/proxmox/auto-enroll.ts';
import type { ProxmoxSource } from '../runtimes/proxmox/source.ts';
import { watchProxmox } from '../runtimes/proxmox/watch.ts';
import { PLACES } from './places.ts';
import type { Requests } from './requests.ts';

export interface ProxmoxWatchParts {
  config: Config;
  bus: Bus;
  watching: Watching;
  /** Undefined when the configuration leaves Proxmox out: then there is nothing to watch. */
  proxmox: ProxmoxSource | undefined;
  requests: Requests;
  debounceMs: () => number;
  intervalMs: () => number;
  log: Log;
  onError: (error: unknown) => void;
}

export interface ProxmoxWatch {
  /** Begins where there is a Proxmox. */
  ensure(): Promise<unknown>;
  /** Looks soon for guests that are new. */
  enrolSoon(): void;
  close(): void;
}

export function openProxmoxWatch(parts: ProxmoxWatchParts): ProxmoxWatch {
  const { config, bus, watching, requests, debounceMs, intervalMs, log, onError } = parts;
  if (parts.proxmox === undefined) {
    return { ensure: async () => undefined, enrolSoon: () => undefined, close: () => undefined };
  }
  const { root, auto_enroll: enabled } = config.proxmox;
  const enrolment = autoEnrolment({
    bus,
    root,
    statePath: PLACES.knownGuests,
    enabled,
    debounceMs,
    intervalMs,
    onProblem: log.warning,
    onError,
  });
  const watch = watchProxmox(watching, root, {
    onChange(vmid) {
      enrolment.soon();
      void requests.resync(vmid, 'its configuration changed').catch(onError);
    },
    onBack() {
      enrolment.soon();
      requests.soon(`${root} is back`);
    },
  });
  return {
    ensure: async () => watch.ensure(),
    enrolSoon: () => enrolment.soon(),
    close() {
      watch.close();
      enrolment.close();
    },
  };
}
