// The event of what a hook was told, whichever way the hook hands it to the agent.
//
// Hook bundles import this file: no heavy imports here.

import { type LxcHookInput, parseLxcHookInput } from '../runtimes/lxc/hook-input.ts';
import { type ProxmoxHookInput, parseProxmoxHookInput } from '../runtimes/proxmox/hook-input.ts';

/** What each event has: its id, and when it happened (RFC 3339). */
export interface Occurrence {
  id: string;
  at: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An event for `hookEventSchema`, or one sentence about what is wrong with what the hook was told. */
export type HookEvent<T> = { ok: true; event: object; input: T } | { ok: false; problem: string };

export function proxmoxHookEvent(
  argv: readonly string[],
  env: Environment,
  { id, at }: Occurrence,
): HookEvent<ProxmoxHookInput> {
  const parsed = parseProxmoxHookInput(argv, env);
  return parsed.ok ? { ...parsed, event: { id, at, source: 'proxmox', ...parsed.input } } : parsed;
}

export function lxcHookEvent(
  argv: readonly string[],
  env: Environment,
  occurrence: Occurrence,
): HookEvent<LxcHookInput> {
  const parsed = parseLxcHookInput(argv, env);
  return parsed.ok ? { ...parsed, event: lxcEvent(parsed.input, occurrence) } : parsed;
}

function lxcEvent(input: LxcHookInput, { id, at }: Occurrence): object {
  const common = { id, at, source: 'lxc', name: input.name };
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
