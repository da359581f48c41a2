// The LXC hook: network script (up, down) and container hook (start-host, post-stop) in one.

import { lxcHookEvent } from '../../src/api/hook-event.ts';
import { vmidFromText } from '../../src/core/guest/vmid.ts';
import type { LxcHookInput } from '../../src/runtimes/lxc/hook-input.ts';
import { deliver, finish, occurrence } from '../deliver.ts';
import type { SweepTarget } from '../sweep.ts';

/** A container that ends or reboots; the next start may come before the agent is back. */
function stoppedGuest(input: LxcHookInput): SweepTarget | undefined {
  if (input.kind === 'network' || input.phase !== 'post-stop') return undefined;
  const vmid = vmidFromText(input.name);
  // A number is a Proxmox container's, or the name of a plain one; a VM may have it as well.
  return vmid === undefined ? { lxcName: input.name } : { vmid, runtimes: ['proxmox-lxc', 'lxc'] };
}

const heard = lxcHookEvent(process.argv.slice(2), process.env, occurrence());
if (heard.ok) void deliver(heard.event, stoppedGuest(heard.input)).then(finish);
else finish({ line: heard.problem, exitCode: 0 });
