// Open vSwitch's two daemons and the kernel's datapath.

import { type Finding, findingsOf } from '../../core/lib/finding.ts';
import type { DoctorFacts, SwitchSnapshot } from './facts.ts';

const { pass, warn, fail, skip } = findingsOf('Open vSwitch');

/** A start does nothing for a daemon that hangs. */
const RESTART = 'systemctl restart openvswitch-switch.service; journalctl -u ovsdb-server -u ovs-vswitchd';

export function checkSwitch(facts: DoctorFacts): Finding[] {
  const { ovsdb } = facts;
  if (!ovsdb.ok) {
    return [
      fail('ovsdb', ovsdb.reason, { code: ovsdb.code ?? 'ovsdb-unreachable', remedy: RESTART }),
      vswitchd(facts, undefined),
      skip('bridges', 'bridges and ports cannot be seen without OVSDB'),
    ];
  }
  const version = ovsdb.value.version === undefined ? '' : `, Open vSwitch ${ovsdb.value.version}`;
  return [
    pass('ovsdb', `OVSDB answers${version}`),
    vswitchd(facts, ovsdb.value),
    datapath(facts, ovsdb.value),
  ];
}

function vswitchd({ vswitchd: answer }: DoctorFacts, found: SwitchSnapshot | undefined): Finding {
  if (!answer.ok) return fail('vswitchd', answer.reason, { remedy: RESTART });
  const { nextCfg = 0, curCfg = 0 } = found ?? {};
  if (curCfg < nextCfg) {
    const text = `ovs-vswitchd answers, but has not carried out the latest changes (${curCfg} of ${nextCfg})`;
    return warn('vswitchd', text, { remedy: 'journalctl -u ovs-vswitchd' });
  }
  return pass('vswitchd', `ovs-vswitchd answers: ${answer.value}`);
}

function datapath({ hasKernelDatapath }: DoctorFacts, { datapathTypes }: SwitchSnapshot): Finding {
  if (hasKernelDatapath) return pass('datapath', 'kernel datapath: the module openvswitch is loaded');
  if (datapathTypes.includes('netdev')) {
    return pass('datapath', 'no kernel datapath (no module openvswitch): new bridges get the user-space one');
  }
  return fail(
    'datapath',
    'no datapath: the kernel has no module openvswitch, and there is no user-space one',
    {
      remedy: 'modprobe openvswitch; systemctl restart openvswitch-switch.service',
    },
  );
}
