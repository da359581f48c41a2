// Proxmox as the agent has it: its source, the locks of its containers, and the watch on its configurations.

import { observeBridges } from '../../core/drivers/ovsdb/observe.ts';
import { factsOf } from '../../core/guest/runtimes.ts';
import { linkMaster, linkMtu, linkNames } from '../../core/kernel/links.ts';
import { leftOut } from '../disabled.ts';
import { holderIn, ovsBridgeIn, type RuntimeHost } from '../host.ts';
import { leftOutRuntime, type Runtime } from '../runtime.ts';
import type { Resolution } from '../source.ts';
import { configWrittenAt } from './config/tree.ts';
import type { ProxmoxSection } from './config-section.ts';
import { openEnrolmentWatch } from './enrolment-watch.ts';
import { openProxmoxLocks, type ProxmoxLocks, type ProxmoxLocksParts } from './locks.ts';
import { type ProxmoxSource, proxmoxSource } from './source.ts';

type ProxmoxHost = RuntimeHost<{ proxmox: ProxmoxSection }>;

export interface ProxmoxRuntimeParts {
  /** `known-guests.json`. */
  knownGuests: string;
  restoreNames: ProxmoxLocksParts['restoreNames'];
}

export interface ProxmoxRuntime extends Runtime<'proxmox'> {
  /** What the container of that number should have now; undefined when it is none of Proxmox's. */
  container(vmid: number): Promise<Resolution | undefined>;
  /** A container is about to start, as LXC's own hook tells. */
  starts(vmid: number): void;
  /** Why changes of running containers are not seen in time; undefined when they are. */
  locksProblem(): string | undefined;
}

export function openProxmox(host: ProxmoxHost, parts: ProxmoxRuntimeParts): ProxmoxRuntime {
  const locks = openProxmoxLocks({
    ...host,
    restoreNames: parts.restoreNames,
    resync: host.requests.resync,
    onChange: host.requests.soon,
  });
  const source = sourceOf(host, locks);
  const common = {
    container: source.container,
    starts: locks.starts,
    locksProblem: locks.problem,
  };
  if (host.config.proxmox.enabled === false) {
    return {
      ...leftOutRuntime('proxmox'),
      ...common,
      container: async (vmid) => (await source.container(vmid)) && leftOut('proxmox'),
    };
  }
  const watch = openEnrolmentWatch({ ...host, knownGuests: parts.knownGuests });
  return {
    ...common,
    name: 'proxmox',
    describe: factsOf('proxmox'),
    source,
    guestAt: source.resolveNow,
    occasionOf: async ({ vmid }) => ((await source.lockOf(vmid)) === 'backup' ? 'backup' : 'guest'),
    ensure: () => Promise.all([watch.ensure(), locks.ensure()]),
    start: () => watch.enrolSoon(),
    close() {
      watch.close();
      locks.close();
    },
  };
}

function sourceOf(host: ProxmoxHost, locks: ProxmoxLocks): ProxmoxSource {
  const { config, ovsdb, desiredState } = host;
  return proxmoxSource({
    root: config.proxmox.root,
    mode: config.proxmox.port,
    linkNames,
    isOvsBridge: ovsBridgeIn(host),
    isBridgeGone: (name) => ovsdb.connected && !observeBridges(ovsdb.replica).has(name),
    holderOf: holderIn(ovsdb),
    isForThisLink: desiredState.isForThisLink,
    bridgeMtu: linkMtu,
    kernelBridgeOf: linkMaster,
    asideFor: locks.asideFor,
    onStart: locks.starts,
    isBlind: locks.isBlind,
    configAge: async (vmid) => {
      const at = await configWrittenAt(vmid, config.proxmox.root);
      return at === undefined ? undefined : host.now() - at;
    },
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
  });
}
