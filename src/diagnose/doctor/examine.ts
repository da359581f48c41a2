// All checks of `doctor`, in the order of the output; pure.

import type { Finding } from '../../core/lib/finding.ts';
import { checkNetmaker } from '../../netmaker/diagnosis.ts';
import { checkRuntimes } from '../ask-runtimes.ts';
import { checkAgent } from './check-agent.ts';
import { checkBridges } from './check-bridges.ts';
import { checkHost } from './check-host.ts';
import { checkLedger } from './check-ledger.ts';
import { checkNetworkManager } from './check-networkmanager.ts';
import { checkRows } from './check-rows.ts';
import { checkSwitch } from './check-switch.ts';
import type { DoctorFacts } from './facts.ts';

const CHECKS = [
  checkHost,
  checkSwitch,
  checkBridges,
  checkRows,
  checkNetworkManager,
  checkRuntimes,
  checkNetmaker,
  checkAgent,
  checkLedger,
] as const;

/** Never throws: whatever could not be asked is a finding. */
export function examine(facts: DoctorFacts): Finding[] {
  return CHECKS.flatMap((check) => check(facts));
}
