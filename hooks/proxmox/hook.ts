// The Proxmox hookscript: argv is [VMID, PHASE] (pve-guest-common, exec_hookscript).

import { proxmoxHookEvent } from '../../src/api/hook-event.ts';
import { deliver, finish, occurrence } from '../deliver.ts';

const heard = proxmoxHookEvent(process.argv.slice(2), process.env, occurrence());
if (heard.ok) {
  const { vmid, phase } = heard.input;
  const isStopped = phase === 'pre-start' || phase === 'post-stop';
  const stopped = isStopped ? { vmid, runtimes: ['proxmox-qemu', 'proxmox-lxc'] } : undefined;
  void deliver(heard.event, stopped).then(finish);
} else {
  // A phase that a later Proxmox adds must not stop a guest.
  finish({ line: heard.problem, exitCode: 0 });
}
