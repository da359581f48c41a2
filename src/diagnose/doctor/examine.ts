// All checks of `doctor`, in the order of the output; pure.

import { checkAgent } from './check-agent.ts';
import { checkBridges } from './check-bridges.ts';
import { checkDocker } from './check-docker.ts';
import { checkHost } from './check-host.ts';
import { checkLedger } from './check-ledger.ts';
import { checkLxc } from './check-lxc.ts';
import { checkNetmaker } from './check-netmaker.ts';
import { checkNetworkManager } from './check-networkmanager.ts';
import { checkProxmox } from './check-proxmox.ts';
import { checkRows } from './check-rows.ts';
import { checkSwitch } from './check-switch.ts';
import type { DoctorFacts } from './facts.ts';
import type { Finding } from './finding.ts';

const CHECKS = [
  checkHost,
  checkSwitch,
  checkBridges,
  checkRows,
  checkNetworkManager,
  checkProxmox,
  checkLxc,
  checkDocker,
  checkNetmaker,
  checkAgent,
  checkLedger,
] as const;

/** Never throws: whatever could not be asked is a finding. */
export function examine(facts: DoctorFacts): Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}
