// Wires the sources: which runtimes the configuration lets in, and what each may ask of the host.

import { networkInterfaces } from 'node:os';
import type { Config } from '../core/config/config.ts';
import { observeBridges, observePorts } from '../core/drivers/ovsdb/observe.ts';
import { kernelAddresses } from '../core/kernel/host-addresses.ts';
import { hostUse, isLinuxBridge, linkMaster, linkMtu, linkNames } from '../core/kernel/links.ts';
import { ranAt } from '../core/kernel/process.ts';
import type { Veths } from '../core/kernel/veth.ts';
import type { AgentError } from '../core/lib/errors.ts';
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
import type { Sources } from '../runtimes/source.ts';
import type { Claims } from '../state/desired-state.ts';
import type { Vmids } from '../state/vmids.ts';

export interface SourcesParts {
  config: Config;
  ovsdb: OvsdbClient;
  claims: Claims;
  veths: Veths;
  docker: ReturnType<typeof openDocker>;
  vmids: Vmids;
  lxcContainers: Pick<LxcContainers, 'running'>;
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
}

/** `proxmox` is undefined when the configuration leaves Proxmox out. */
export function openSources(parts: SourcesParts): {
  sources: Sources;
  docker: DockerSource;
  proxmox: ProxmoxSource | undefined;
} {
  const { config, ovsdb, claims, veths, vmids } = parts;
  const { get: claim, all } = claims;
  const holderOf = (device: string) => observePorts(ovsdb.replica).find((port) => port.interface === device);
  const isOvsBridge = (name: string) =>
    observeBridges(ovsdb.replica).has(name) ||
    config.bridges[name]?.create === true ||
    // Gone with all its ports, or nobody can tell now: its guests run on and wait for it. The bridge's own device may outlive
    // its row for a moment, so that is no sign.
    !isLinuxBridge(name);

  const proxmox = proxmoxSource({
    root: config.proxmox.root,
    mode: config.proxmox.port,
    linkNames,
    isOvsBridge,
    isBridgeGone: (name) => ovsdb.connected && !observeBridges(ovsdb.replica).has(name),
    holderOf,
    isForThisLink: claims.isForThisLink,
    bridgeMtu: linkMtu,
    kernelBridgeOf: linkMaster,
    asideFor: parts.locks.asideFor,
    onStart: parts.locks.starts,
    isBlind: parts.locks.isBlind,
    configAge: async (vmid) => {
      const at = await configWrittenAt(vmid, config.proxmox.root);
      return at === undefined ? undefined : parts.now() - at;
    },
    claim,
    claims: all,
  });
  const isLeftOut = config.proxmox.enabled === false;
  const addresses = kernelAddresses();
  const lxc = lxcSource({
    root: config.lxc.root,
    bridge: config.lxc.bridge,
    isOvsBridge,
    linkNames,
    hostEndsOf: veths.hostEndsOf,
    pluggedInto: async (link) => holderOf(link)?.bridge ?? (await linkMaster(link)),
    hostUse: (link) => hostUse(link, addresses),
    onProxmoxStart: parts.locks.starts,
    claim,
    claims: all,
    ownerOf: claims.ofDevice,
    running: parts.lxcContainers.running,
    vmidFor: (name) => vmids.claim('lxc', name),
    lookAtVmids: () => vmids.look('lxc'),
    onProblem: parts.onLxcProblem,
    vlanOf: (link) => holderOf(link)?.vlan,
    async proxmoxContainer(vmid) {
      const found = await proxmox.container(vmid);
      return found && isLeftOut ? leftOut('proxmox') : found;
    },
    ranAt,
  });
  const { docker: rules } = config;
  const docker = dockerSource({
    engine: parts.docker,
    rules: () => ({ ...config.docker, netmaker: config.netmaker }),
    endpoints: parts.endpoints,
    onProblem: parts.onContainerProblem,
    addressesOf: (bridge) => (networkInterfaces()[bridge] ?? []).map(({ address }) => address),
    publicBridge: config.netmaker.bridge,
    vmids,
    machineId: parts.machineId,
    claim,
    claims: all,
    binding: claims.binding,
  });
  return {
    docker,
    proxmox: isLeftOut ? undefined : proxmox,
    sources: {
      proxmox: isLeftOut ? disabledSource('proxmox') : proxmox,
      lxc: config.lxc.enabled ? lxc : disabledSource('lxc'),
      docker: rules.enabled ? docker : disabledSource('docker'),
      manual: manualSource({ defaultBridge: config.default_bridge, claim, claims: all, linkNames }),
    },
  };
}
