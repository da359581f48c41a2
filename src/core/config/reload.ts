// Which keys of a changed configuration can be taken over by an agent that runs, and which need a restart; pure.

import type { Config } from './config.ts';
import { changedKeys, type Plain } from './origins.ts';

/**
 * Keys that every part reads when it needs them. All others are wired in when the agent starts: sockets, files, daemons,
 * and what addresses are already given by.
 */
const TAKEN: readonly string[] = [
  'strict',
  'hook_deadline',
  'reconcile_interval',
  'debounce_ms',
  'vmid_range',
  'vmid_cooldown',
  'bridges',
  'docker.attach',
  'docker.names',
  'docker.interface',
  'netmaker.images',
  'netmaker.names',
  'netmaker.deny',
];

export interface KeyChange {
  key: string;
  from: Plain | null;
  to: Plain | null;
}

export interface Reload {
  /** What is in force from now on. */
  config: Config;
  taken: KeyChange[];
  /** What changes when the agent is restarted. */
  restart: KeyChange[];
}

export function planReload(current: Config, next: Config): Reload {
  const changes = changedKeys(current, next);
  const isTaken = (path: readonly string[]) =>
    TAKEN.includes(path[0] ?? '') || TAKEN.includes(path.slice(0, 2).join('.'));
  const shown = ({ key, from, to }: (typeof changes)[number]) => ({
    key,
    from: from ?? null,
    to: to ?? null,
  });
  const { attach, names, interface: link } = next.docker;
  const { images, names: netmakerNames, deny } = next.netmaker;
  const config: Config = {
    ...current,
    strict: next.strict,
    hook_deadline: next.hook_deadline,
    reconcile_interval: next.reconcile_interval,
    debounce_ms: next.debounce_ms,
    vmid_range: next.vmid_range,
    vmid_cooldown: next.vmid_cooldown,
    // Bridges that keys name which need a restart are still in use.
    bridges: { ...pick(current.bridges, bridgesNamed(current)), ...next.bridges },
    docker: { ...current.docker, attach, names, interface: link },
    netmaker: { ...current.netmaker, images, names: netmakerNames, deny },
  };
  return {
    config,
    taken: changes.filter(({ path }) => isTaken(path)).map(shown),
    restart: changes.filter(({ path }) => !isTaken(path)).map(shown),
  };
}

function bridgesNamed(config: Config): string[] {
  return [config.default_bridge, config.lxc.bridge, config.docker.bridge, config.netmaker.bridge];
}

function pick<T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}
