// Watches the configurations of Proxmox's guests: for what a change means now, and for guests that are new.

import type { RuntimeHost } from '../host.ts';
import { autoEnrolment } from './auto-enroll.ts';
import type { ProxmoxSection } from './config-section.ts';
import { watchProxmox } from './watch.ts';

export interface EnrolmentWatchParts extends RuntimeHost<{ proxmox: ProxmoxSection }> {
  /** `known-guests.json`. */
  knownGuests: string;
}

export interface EnrolmentWatch {
  /** Begins where there is a Proxmox. */
  ensure(): Promise<unknown>;
  /** Looks soon for guests that are new. */
  enrolSoon(): void;
  close(): void;
}

export function openEnrolmentWatch(parts: EnrolmentWatchParts): EnrolmentWatch {
  const { config, bus, watching, requests, log, onError } = parts;
  const { root, auto_enroll: enabled } = config.proxmox;
  const enrolment = autoEnrolment({
    bus,
    root,
    statePath: parts.knownGuests,
    enabled,
    debounceMs: () => config.debounce_ms,
    intervalMs: () => config.reconcile_interval * 1000,
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
