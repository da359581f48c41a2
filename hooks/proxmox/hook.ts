// The Proxmox hookscript: argv is [VMID, PHASE] (pve-guest-common, exec_hookscript).

import { parseProxmoxHookInput } from '../../src/core/guest/proxmox-hook-input.ts';
import { kernelUuid } from '../../src/core/kernel/uuid.ts';
import { deliver, finish } from '../deliver.ts';

const parsed = parseProxmoxHookInput(process.argv.slice(2), process.env);
if (parsed.ok) {
  const event = { id: kernelUuid(), at: new Date().toISOString(), source: 'proxmox', ...parsed.input };
  const { vmid, phase } = parsed.input;
  const isStopped = phase === 'pre-start' || phase === 'post-stop';
  void deliver(event, isStopped ? { vmid, runtimes: ['proxmox-qemu', 'proxmox-lxc'] } : undefined).then(
    finish,
  );
} else {
  // A phase that a later Proxmox adds must not stop a guest.
  finish({ line: parsed.problem, exitCode: 0 });
}
