// The LXC hook: network script (up, down) and container hook (start-host, post-stop) in one.

import { type LxcHookInput, parseLxcHookInput } from '../../src/core/guest/lxc-hook-input.ts';
import { kernelUuid } from '../../src/core/kernel/uuid.ts';
import { deliver, finish } from '../deliver.ts';

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

const parsed = parseLxcHookInput(process.argv.slice(2), process.env);
if (parsed.ok) void deliver(eventOf(parsed.input)).then(finish);
else finish({ line: parsed.problem, exitCode: 0 });
