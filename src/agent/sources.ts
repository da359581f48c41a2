// Wires the sources: which runtimes the configuration lets in, and what each may ask of the host.

import { networkInterfaces } from 'node:os';
import type { Config } from '../core/config/config.ts';
import { observeBridges, observePorts } from '../core/drivers/ovsdb/observe.ts';
import type { LifecycleEvent } from '../core/events/lifecycle-event.ts';
import { factsOf, type RuntimeName } from '../core/guest/runtimes.ts';
import { kernelAddresses } from '../core/kernel/host-addresses.ts';
import { hostUse, isLinuxBridge, linkMaster, linkMtu, linkNames } from '../core/kernel/links.ts';
import { ranAt } from '../core/kernel/process.ts';
import type { Veths } from '../core/kernel/veth.ts';
import type { AgentError } from '../core/lib/errors.ts';
import type { Log } from '../core/lib/log.ts';
import type { OvsdbClient } from '../core/ovsdb/client.ts';
import { disabledSource, leftOut } from '../runtimes/disabled.ts';
import type { openDocker } from '../runtimes/docker/engine.ts';
import type { NetmakerEndpoints } from '../runtimes/docker/netmaker-endpoints.ts';
import { type DockerSource, dockerSource } from '../runtimes/docker/source.ts';
import type { LxcContainers } from '../runtimes/lxc/containers.ts';
import { lxcSource } from '../runtimes/lxc/source.ts';
import { manualSource } from '../runtimes/manual/source.ts';
import { configWrittenAt } from '../runtimes/proxmox/config/tree.ts';
import type { ProxmoxLocks } from '../runtimes/proxmox/locks.ts';
import { type ProxmoxSource, proxmoxSource } from '../runtimes/proxmox/source.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { Source, Sources } from '../runtimes/source.ts';
import type { DesiredState } from '../state/desired-state.ts';
import type { Vmids } from '../state/vmids.ts';
import { type DockerListening, dockerListening, lxcListening } from './runtime-listening.ts';

export interface SourcesParts {
  config: Config;
  ovsdb: OvsdbClient;
  desiredState: DesiredState;
  veths: Veths;
  docker: ReturnType<typeof openDocker>;
  vmids: Vmids;
  lxcContainers: LxcContainers;
  machineId: string;
  /** What Netmaker's containers get; undefined when the configuration leaves them out. */
  endpoints: NetmakerEndpoints | undefined;
  /** What keeps an LXC container from being attached, by its name. */
  onLxcProblem: (name: string, reason: string | undefined) => void;
  /** What keeps a Docker container from being attached, by its name. */
  onContainerProblem: (name: string, problem: AgentError | undefined) => void;
  /** What Proxmox is about to change. */
  locks: Pick<ProxmoxLocks, 'asideFor' | 'starts' | 'isBlind'>;
  /** Milliseconds of the epoch. */
  now: () => number;
  log: Log;
  onError: (error: unknown) => void;
}

/** What the sources of all runtimes ask of the host. */
function hostOf({ config, ovsdb }: Pick<SourcesParts, 'config' | 'ovsdb'>) {
  const holderOf = (device: string) => observePorts(ovsdb.replica).find((port) => port.interface === device);
  const isOvsBridge = (name: string) =>
    observeBridges(ovsdb.replica).has(name) ||
    config.bridges[name]?.create === true ||
    // Gone with all its ports, or nobody can tell now: its guests run on and wait for it. The bridge's own device may outlive
    // its row for a moment, so that is no sign.
    !isLinuxBridge(name);
  return { holderOf, isOvsBridge };
}

type Host = ReturnType<typeof hostOf>;

/** `proxmox` is undefined when the configuration leaves Proxmox out. */
export function openSources(parts: SourcesParts): {
  runtimes: readonly Runtime[];
  docker: DockerSource & Pick<DockerListening, 'isConnected'>;
  proxmox: ProxmoxSource | undefined;
} {
  const { config, log, onError } = parts;
  const host = hostOf(parts);
  const proxmox = proxmoxOf(parts, host);
  const docker = dockerOf(parts);
  const listening = dockerListening({ docker: parts.docker, log, onError });
  const runtimes: Runtime[] = [
    runtime('proxmox', config.proxmox.enabled !== false, proxmox),
    runtime('lxc', config.lxc.enabled, lxcOf(parts, host, proxmox), lxcListening(parts)),
    runtime('docker', config.docker.enabled, docker, listening),
    runtime('manual', true, manualOf(parts)),
  ];
  return {
    runtimes,
    docker: { ...docker, isConnected: listening.isConnected },
    proxmox: config.proxmox.enabled === false ? undefined : proxmox,
  };
}

/** One that the configuration leaves out has its events recorded, and listens to nothing. */
function runtime<Name extends RuntimeName>(
  name: Name,
  isEnabled: boolean,
  source: Sources[Name],
  listening: Pick<Runtime, 'start' | 'close'> = {},
): Runtime {
  const describe = factsOf(name);
  return isEnabled
    ? { name, describe, source: source as Source<LifecycleEvent>, ...listening }
    : { name, describe, source: disabledSource(name) };
}

function proxmoxOf(parts: SourcesParts, { holderOf, isOvsBridge }: Host): ProxmoxSource {
  const { config, ovsdb, desiredState, locks } = parts;
  return proxmoxSource({
    root: config.proxmox.root,
    mode: config.proxmox.port,
    linkNames,
    isOvsBridge,
    isBridgeGone: (name) => ovsdb.connected && !observeBridges(ovsdb.replica).has(name),
    holderOf,
    isForThisLink: desiredState.isForThisLink,
    bridgeMtu: linkMtu,
    kernelBridgeOf: linkMaster,
    asideFor: locks.asideFor,
    onStart: locks.starts,
    isBlind: locks.isBlind,
    configAge: async (vmid) => {
      const at = await configWrittenAt(vmid, config.proxmox.root);
      return at === undefined ? undefined : parts.now() - at;
    },
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
  });
}

/** Proxmox's own containers run LXC's hooks too. */
function lxcOf(parts: SourcesParts, { holderOf, isOvsBridge }: Host, proxmox: ProxmoxSource) {
  const { config, desiredState, veths, vmids } = parts;
  const addresses = kernelAddresses();
  return lxcSource({
    root: config.lxc.root,
    bridge: config.lxc.bridge,
    isOvsBridge,
    linkNames,
    hostEndsOf: veths.hostEndsOf,
    pluggedInto: async (link) => holderOf(link)?.bridge ?? (await linkMaster(link)),
    hostUse: (link) => hostUse(link, addresses),
    onProxmoxStart: parts.locks.starts,
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
    ownerOf: desiredState.ofDevice,
    running: parts.lxcContainers.running,
    vmidFor: (name) => vmids.claim('lxc', name),
    reconcileVmids: () => vmids.reconcile('lxc'),
    onProblem: parts.onLxcProblem,
    vlanOf: (link) => holderOf(link)?.vlan,
    async proxmoxContainer(vmid) {
      const found = await proxmox.container(vmid);
      return found && config.proxmox.enabled === false ? leftOut('proxmox') : found;
    },
    ranAt,
  });
}

function dockerOf(parts: SourcesParts): DockerSource {
  const { config, desiredState, vmids } = parts;
  return dockerSource({
    engine: parts.docker,
    rules: () => ({ ...config.docker, netmaker: config.netmaker }),
    endpoints: parts.endpoints,
    onProblem: parts.onContainerProblem,
    addressesOf: (bridge) => (networkInterfaces()[bridge] ?? []).map(({ address }) => address),
    publicBridge: config.netmaker.bridge,
    vmids,
    machineId: parts.machineId,
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
    binding: desiredState.binding,
  });
}

const manualOf = ({ config, desiredState }: SourcesParts) =>
  manualSource({
    defaultBridge: config.default_bridge,
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
    linkNames,
  });
