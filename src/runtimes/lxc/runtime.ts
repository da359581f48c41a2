// Plain LXC as the agent has it: its source, and the watch for containers that come and go unannounced.

import { factsOf } from '../../core/guest/runtimes.ts';
import { kernelAddresses } from '../../core/kernel/host-addresses.ts';
import { hostUse, linkMaster, linkNames } from '../../core/kernel/links.ts';
import { ranAt } from '../../core/kernel/process.ts';
import { holderIn, ovsBridgeIn, type RuntimeHost } from '../host.ts';
import { leftOutRuntime, type Runtime } from '../runtime.ts';
import type { LxcSection } from './config-section.ts';
import type { LxcContainers } from './containers.ts';
import type { LxcParts } from './parts.ts';
import { lxcSource } from './source.ts';
import { watchLxc } from './watch.ts';

type LxcHost = RuntimeHost<{ lxc: LxcSection }>;

export interface LxcRuntimeParts extends Pick<LxcParts, 'proxmoxContainer' | 'onProxmoxStart'> {
  containers: LxcContainers;
}

export function openLxc(host: LxcHost, parts: LxcRuntimeParts): Runtime<'lxc'> {
  if (!host.config.lxc.enabled) return leftOutRuntime('lxc');
  let watch: ReturnType<typeof watchLxc> | undefined;
  return {
    name: 'lxc',
    describe: factsOf('lxc'),
    source: sourceOf(host, parts),
    start({ soon }) {
      watch = watchLxc({
        containers: parts.containers,
        desiredGuests: host.desiredState.all,
        linkNames,
        onMissed: soon,
        onError: host.onError,
      });
    },
    close: () => watch?.close(),
  };
}

function sourceOf(host: LxcHost, { containers, proxmoxContainer, onProxmoxStart }: LxcRuntimeParts) {
  const { config, ovsdb, desiredState, veths, vmids } = host;
  const addresses = kernelAddresses();
  const holderOf = holderIn(ovsdb);
  return lxcSource({
    root: config.lxc.root,
    bridge: config.lxc.bridge,
    isOvsBridge: ovsBridgeIn(host),
    linkNames,
    hostEndsOf: veths.hostEndsOf,
    pluggedInto: async (link) => holderOf(link)?.bridge ?? (await linkMaster(link)),
    hostUse: (link) => hostUse(link, addresses),
    onProxmoxStart,
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
    ownerOf: desiredState.ofDevice,
    running: containers.running,
    vmidFor: (name) => vmids.claim('lxc', name),
    reconcileVmids: () => vmids.reconcile('lxc'),
    onProblem: noteProblems(host),
    vlanOf: (link) => holderOf(link)?.vlan,
    proxmoxContainer,
    ranAt,
  });
}

/** A container that cannot be attached is told of where ports that are blocked are. */
function noteProblems({ config, pendingRetries }: LxcHost): LxcParts['onProblem'] {
  return (name, reason) => {
    const port = `container ${name}`;
    if (reason === undefined) pendingRetries.clear(port);
    else pendingRetries.note({ port, bridge: config.lxc.bridge, code: 'container-not-attachable', reason });
  };
}
