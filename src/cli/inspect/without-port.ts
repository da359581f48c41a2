// An LXC container that runs and has no port: what is known of it, for `explain`.

import { hostEndsOf } from '../../core/kernel/host-ends.ts';
import { linkMaster } from '../../core/kernel/links.ts';
import { answered } from '../../core/lib/answer.ts';
import { AgentError } from '../../core/lib/errors.ts';
import { exec } from '../../core/lib/exec.ts';
import type { HostFacts } from '../../diagnose/doctor/facts.ts';
import { readHistory } from './history.ts';

/** Undefined when no such container runs. */
export async function lxcWithoutPort(host: HostFacts, name: string): Promise<AgentError | undefined> {
  const found = answered(host.lxcRunning);
  if (found?.ofUsers.includes(name)) {
    const text = `The LXC container ${name} is not root's, and such containers are left alone`;
    return new AgentError('port-unknown', text);
  }
  if (!found?.names.includes(name)) return undefined;
  const { ledger, lxc } = host.inForce;
  const why = lxc.enabled
    ? (await reasons(host, name, ledger.path)).join('; ')
    : '[lxc] is not enabled in the configuration';
  return new AgentError('port-unknown', `The LXC container ${name} runs and has no port: ${why}`);
}

async function reasons(host: HostFacts, name: string, ledger: string): Promise<string[]> {
  const { skipped } = await readHistory(ledger, { port: '', vmid: 0, name });
  if (skipped.length > 0) return skipped;
  const init = answered(host.lxcRunning)?.inits.get(name);
  if (init === undefined) return ['it starts or ends'];
  // No hook has told the agent of it, so the ledger has no word either.
  const ends = (await hostEndsOf(exec, [init]).catch(() => undefined))?.get(init) ?? [];
  if (ends.length === 0) return ['it has no network card of type veth'];
  return Promise.all(
    ends.map(async (link) => {
      const bridge = await linkMaster(link);
      if (bridge !== undefined) return `${link}: ${bridge} is not an OVS bridge`;
      return `${link} is to get one; to look at everything now: ovs-port-agent reconcile`;
    }),
  );
}
