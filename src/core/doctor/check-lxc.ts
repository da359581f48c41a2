// Plain LXC: the drop-in that makes each container tell us, and the script that it names.

import type { DoctorFacts } from './facts.ts';
import { type Finding, findingsOf, reinstall } from './finding.ts';

const { pass, warn, fail, skip } = findingsOf('LXC');

const HOOK = '/var/lib/ovs-port-agent/hooks/lxc';
/** Runs the package's own set-up again, which puts the hooks where they belong. */
const SET_UP = { remedy: 'dpkg-reconfigure ovs-port-agent' };

export function checkLxc({ inForce, lxc, version }: DoctorFacts): Finding[] {
  if (!inForce.lxc.enabled) return [skip('lxc', 'left out by the configuration: [lxc] enabled = false')];
  if (!lxc.installed) return [skip('lxc', 'LXC is not installed')];
  return [
    lxc.dropIn
      ? pass('drop-in', 'every container names the hook')
      : fail('drop-in', '50-ovs-port-agent.conf is missing: containers do not tell the agent', {
          remedy: reinstall(version),
        }),
    hook(lxc),
  ];
}

function hook({ hook: state, dropIn }: DoctorFacts['lxc']): Finding {
  const harm = dropIn ? ': no container starts' : '';
  switch (state) {
    case 'fine':
      return pass('hook', `${HOOK} is there and executable`);
    case 'missing':
      return (dropIn ? fail : warn)('hook', `${HOOK} is missing${harm}`, SET_UP);
    case 'not-executable':
      return (dropIn ? fail : warn)('hook', `${HOOK} is not executable${harm}`, {
        remedy: `chmod 755 ${HOOK}`,
      });
  }
}
