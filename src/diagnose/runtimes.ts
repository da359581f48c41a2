// The runtimes as `doctor` and `explain` ask them, in the order of doctor's output. The type checker asks for a line of each.

import type { RuntimeName } from '../core/guest/runtimes.ts';
import { dockerDiagnosis } from '../runtimes/docker/diagnosis.ts';
import { lxcDiagnosis } from '../runtimes/lxc/diagnosis.ts';
import { manualDiagnosis } from '../runtimes/manual/diagnosis.ts';
import { proxmoxDiagnosis } from '../runtimes/proxmox/diagnosis.ts';

export const DIAGNOSES = {
  proxmox: proxmoxDiagnosis,
  lxc: lxcDiagnosis,
  docker: dockerDiagnosis,
  manual: manualDiagnosis,
} satisfies Record<RuntimeName, object>;

/** What each runtime asked for itself. */
export type RuntimeLooks = {
  readonly [Name in RuntimeName]: Awaited<ReturnType<(typeof DIAGNOSES)[Name]['look']>>;
};
