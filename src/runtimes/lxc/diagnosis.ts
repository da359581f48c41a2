// Plain LXC: the drop-in that makes each container tell us, and the script that it names.

import { vmidFromText } from '../../core/guest/vmid.ts';
import { type Answer, answered } from '../../core/lib/answer.ts';
import { type Finding, findingsOf, listText, reinstall } from '../../core/lib/finding.ts';

import type { Diagnosis } from '../diagnosis.ts';
import { containerRuns } from '../lxc-runs.ts';
import type { LxcSection } from './config-section.ts';
import { type LxcLook, lookAtLxc, type RunningContainers } from './look.ts';

const { pass, warn, fail, skip } = findingsOf('LXC');

const HOOK = '/var/lib/ovs-port-agent/hooks/lxc';
/** Runs the package's own set-up again, which puts the hooks where they belong. */
const SET_UP = { remedy: 'dpkg-reconfigure ovs-port-agent' };

/** What it has to know of the host. */
export interface LxcHost {
  version: string;
  inForce: { lxc: LxcSection };
  lxcRunning: Answer<RunningContainers>;
  bindings: readonly { guest: string; runtime: string }[];
  /** Proxmox's own containers, by VMID, where there are any: they are no plain ones. */
  proxmox: { tree: { state: string; guests?: ReadonlyMap<number, unknown> } };
}

export const lxcDiagnosis: Diagnosis<LxcHost, LxcLook> = {
  look: (_, place) => lookAtLxc(place),
  check: checkLxc,
  runs: ({ name }, { inForce }) => containerRuns(name, inForce.lxc.root),
};

function checkLxc(host: LxcHost, lxc: LxcLook): Finding[] {
  const { inForce, version } = host;
  if (!inForce.lxc.enabled) return [skip('lxc', 'left out by the configuration: [lxc] enabled = false')];
  if (!lxc.installed) return [skip('lxc', 'LXC is not installed')];
  return [
    lxc.dropIn
      ? pass('drop-in', 'every container names the hook')
      : fail('drop-in', '50-ovs-port-agent.conf is missing: containers do not tell the agent', {
          remedy: reinstall(version),
        }),
    hook(lxc),
    ...containers(host),
  ];
}

/** A container on a bridge of the kernel has no port, and is right so: that it is known is all there is to say. */
function containers({ lxcRunning, bindings, proxmox }: LxcHost): Finding[] {
  const found = answered(lxcRunning);
  if (found === undefined) return [];
  const isProxmoxs = (name: string) => proxmox.tree.guests?.has(vmidFromText(name) ?? 0) === true;
  const own = found.names.filter((name) => !isProxmoxs(name));
  const isBound = (name: string) =>
    bindings.some(({ guest, runtime }) => runtime === 'lxc' && guest === name);
  const bound = own.filter(isBound);
  const without = own.filter((name) => !isBound(name));
  return [
    ...(bound.length > 0 ? [pass('containers', `${bound.length} run and have their ports`)] : []),
    ...(without.length > 0
      ? [
          skip(
            'containers',
            `run without a port: ${listText(without)}; why says: ovs-port-agent explain NAME`,
          ),
        ]
      : []),
    ...(found.ofUsers.length > 0
      ? [skip('containers of users', `left alone, they are not root's: ${listText(found.ofUsers)}`)]
      : []),
  ];
}

/** The drop-in runs it by way of sh, so that no container depends on it; one that names the file itself does. */
function hook({ hook: state }: LxcLook): Finding {
  const naming = 'containers whose own configuration names it do not start';
  switch (state) {
    case 'fine':
      return pass('hook', `${HOOK} is there and executable`);
    case 'missing':
      return warn(
        'hook',
        `${HOOK} is missing: containers get ports some seconds late, and ${naming}`,
        SET_UP,
      );
    case 'not-executable':
      return warn('hook', `${HOOK} is not executable: ${naming}`, { remedy: `chmod 755 ${HOOK}` });
    case 'noexec':
      return warn('hook', `${HOOK} is on a file system mounted noexec: ${naming}`, {
        remedy: `Name it there as: sh ${HOOK}`,
      });
  }
}
