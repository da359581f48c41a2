// Brings the host to what Netmaker's containers need: addresses published, rules in force, leases of those that are gone freed.

import { reconcileLeases } from '../netmaker/address/reconcile-leases.ts';
import { refreshRules } from '../netmaker/port-security/refresh-rules.ts';
import { openWarning } from '../netmaker/summary.ts';
import type { Netmaker } from './netmaker.ts';
import type { NetmakerAssembly } from './netmaker-assembly.ts';
import { checkUplink } from './netmaker-uplink.ts';

export function netmakerSync(
  assembly: NetmakerAssembly,
): Pick<Netmaker, 'prepare' | 'publish' | 'reconcile'> {
  const { rules, enabled, ports, held, withdrawal, publicNetwork, responder } = assembly;
  const warn = openWarning(rules.pools, assembly.onProblem);
  return {
    async prepare(cause) {
      if (!withdrawal.isBegun) await publicNetwork.prepare(cause);
    },
    async publish(cause, attached) {
      warn(held());
      if (withdrawal.isBegun) return;
      checkUplink({ ...assembly, ports: ports() });
      await publicNetwork.sync(cause, attached);
      await responder.ensure();
    },
    async reconcile() {
      const secured = new Set(ports().flatMap(({ portSecurity, bridge }) => (portSecurity ? [bridge] : [])));
      if (enabled) secured.add(rules.bridge);
      await refreshRules({
        ...assembly,
        bridges: secured,
        isNeeded: ports().some(({ portSecurity }) => portSecurity !== undefined),
      });
      // Not waited for: a Docker that hangs must not keep other guests from being looked after.
      if (enabled) void reconcileLeases(assembly);
    },
  };
}
