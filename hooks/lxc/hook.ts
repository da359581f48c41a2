// The LXC hook: network script (up, down) and container hook (start-host, post-stop) in one.

import { type LxcHookInput, parseLxcHookInput } from '../../src/core/guest/lxc-hook-input.ts';
import { vmidFromText } from '../../src/core/guest/vmid.ts';
import { kernelUuid } from '../../src/core/kernel/uuid.ts';
import { deliver, finish } from '../deliver.ts';
import type { SweepTarget } from '../sweep.ts';

function eventOf(input: LxcHookInput): object {
  const common = { id: kernelUuid(), at: new Date().toISOString(), source: 'lxc', name: input.name };
  const configFile = input.configFile === undefined ? {} : { configFile: input.configFile };
  if (input.kind === 'network') {
    const { hostInterface, link } = input;
    return {
      ...common,
      ...configFile,
      phase: `net-${input.action}`,
      ...(hostInterface !== undefined && { interface: hostInterface }),
      ...(link !== undefined && { link }),
    };
  }
  const { phase, pid, target } = input;
  return {
    ...common,
    ...configFile,
    phase,
    ...(pid !== undefined && { pid }),
    ...(target !== undefined && { target }),
  };
}

/** A container that ends or reboots; the next start may come before the agent is back. */
function stoppedGuest(input: LxcHookInput): SweepTarget | undefined {
  if (input.kind === 'network' || input.phase !== 'post-stop') return undefined;
  const vmid = vmidFromText(input.name);
  // A number is a Proxmox container's, or the name of a plain one; a VM may have it as well.
  return vmid === undefined ? { lxcName: input.name } : { vmid, runtimes: ['proxmox-lxc', 'lxc'] };
}

const parsed = parseLxcHookInput(process.argv.slice(2), process.env);
if (parsed.ok) void deliver(eventOf(parsed.input), stoppedGuest(parsed.input)).then(finish);
else finish({ line: parsed.problem, exitCode: 0 });
