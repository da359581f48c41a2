// Gathers what `doctor` and `explain` look at. Every source is asked by itself and at the same time, and may be absent.

import { join } from 'node:path';
import type { Config } from '../../core/config/config.ts';
import { loadConfig } from '../../core/config/load.ts';
import { defaultConfig } from '../../core/config/parse-config.ts';
import { hasKernelDatapath } from '../../core/kernel/links.ts';
import { HEAD_FILE } from '../../core/ledger/index.ts';
import { fileState } from '../../core/lib/runnable.ts';
import { type NetworkManagerState, NO_NETWORKMANAGER } from '../../core/networkmanager/networkmanager.ts';
import type { SwitchFacts } from '../../core/plan/driver-choice.ts';
import type {
  AgentFacts,
  ConfigFacts,
  DoctorFacts,
  HostFacts,
  ProxmoxFacts,
} from '../../diagnose/doctor/facts.ts';
import { type Answer, answered } from '../../diagnose/doctor/finding.ts';
import { keepSwitchFacts } from '../../reconcile/switch-facts.ts';
import { openLxcContainers } from '../../runtimes/lxc/containers.ts';
import { readProxmoxTree } from '../../runtimes/proxmox/config/tree.ts';
import type { CallAgent } from '../agent-call.ts';
import type { Terminal } from '../terminal.ts';
import { attempt } from './attempt.ts';
import { askAgent, readBus } from './bus.ts';
import { dockerVersion } from './docker.ts';
import {
  exists,
  hasLease,
  readBindings,
  readBootId,
  readDeclared,
  readLinks,
  readSpool,
  readState,
  readStorage,
} from './files.ts';
import { verifyChain, versionOfLastStart } from './ledger.ts';
import { findVswitchd, readSwitch } from './switch.ts';

const OVS_RUN = '/run/openvswitch';
const SNIPPET = '/var/lib/vz/snippets/ovs-port-agent';
const POLICY = '/usr/share/dbus-1/system.d/dev.ovs.PortAgent1.conf';
const ENABLED = '/etc/systemd/system/multi-user.target.wants/ovs-port-agent.service';
const DOCKERD = '/usr/sbin/dockerd';
const LXC_COMMON = '/usr/share/lxc/config/common.conf';
const LXC_DROP_IN = '/usr/share/lxc/config/common.conf.d/50-ovs-port-agent.conf';
/** pmxcfs may hang: it is a file system in user space. */
const TREE_MS = 5000;

export interface InspectParts {
  terminal: Terminal;
  callAgent: CallAgent;
  version: string;
  stateDir: string;
  runtimeDir: string;
}

export async function inspectHost(parts: InspectParts): Promise<HostFacts> {
  const config: Answer<ConfigFacts> = await attempt('the configuration', TREE_MS, () => loadConfig());
  const inForce = config.ok ? config.value.config : defaultConfig();
  const [bus, agent, ovsdb, vswitchd, links, declared, bindings, proxmox, bootId, kernel, lxcRunning] =
    await Promise.all([
      readBus(),
      askAgent(parts.callAgent),
      readSwitch(OVS_RUN),
      findVswitchd(OVS_RUN),
      readLinks(),
      readDeclared('/etc/network'),
      readBindings(join(parts.runtimeDir, 'bindings')),
      readProxmox(inForce.proxmox.root),
      readBootId(),
      hasKernelDatapath().catch(() => false),
      readLxc(inForce.lxc.root),
    ]);
  const choice = await choiceFacts(inForce, answered(bus.networkManager)?.state);
  return {
    choice,
    version: parts.version,
    isRoot: process.getuid?.() === 0,
    node: process.version,
    bootId,
    config,
    inForce,
    ...bus,
    agent: await withVersion(agent, inForce.ledger.path),
    ovsdb,
    vswitchd,
    hasKernelDatapath: kernel,
    links,
    declared,
    bindings,
    proxmox,
    lxcRunning,
  };
}

/** Proxmox's own are among them. */
async function readLxc(root: string): Promise<HostFacts['lxcRunning']> {
  return attempt('the list of LXC containers', TREE_MS, async () => {
    const containers = openLxcContainers({ root });
    const running = await containers.running();
    const inits = running.flatMap(({ name, init }) => (init === undefined ? [] : [[name, init] as const]));
    const names = running.map(({ name }) => name);
    return { names, inits: new Map(inits), ofUsers: containers.ofUsers() };
  });
}

export async function inspectForDoctor(parts: InspectParts): Promise<DoctorFacts> {
  const host = await inspectHost(parts);
  const { docker, ledger } = host.inForce;
  const { terminal, stateDir } = parts;
  const [
    hasDocker,
    hasBusPolicy,
    isEnabled,
    lxcInstalled,
    dropIn,
    hook,
    engine,
    leased,
    spool,
    chain,
    state,
  ] = await Promise.all([
    exists(DOCKERD),
    exists(POLICY),
    exists(ENABLED),
    exists(LXC_COMMON),
    exists(LXC_DROP_IN),
    fileState(join(stateDir, 'hooks/lxc')),
    docker.enabled ? dockerVersion(docker.socket) : undefined,
    hasLease(join(stateDir, 'leases.json')),
    readSpool(join(stateDir, 'spool'), terminal.now().getTime()),
    verifyChain(ledger.path, join(stateDir, HEAD_FILE), terminal),
    readState(stateDir),
  ]);
  return {
    ...host,
    hasBusPolicy,
    isEnabled,
    lxc: { installed: lxcInstalled, dropIn, hook },
    hasDocker,
    docker: engine,
    hasNetmakerLease: leased,
    spool,
    ledger: chain,
    state,
  };
}

async function readProxmox(root: string): Promise<ProxmoxFacts> {
  const [tree, snippet, storage] = await Promise.all([
    attempt(root, TREE_MS, () => readProxmoxTree({ root })),
    fileState(SNIPPET),
    readStorage(root),
  ]);
  return {
    tree: tree.ok ? tree.value : { state: 'unavailable', reason: tree.reason },
    snippet,
    storage,
  };
}

/** The agent's own look at it, with what NetworkManager has said. */
async function choiceFacts(
  { driver }: Config,
  state: NetworkManagerState = NO_NETWORKMANAGER,
): Promise<SwitchFacts> {
  const networkManager = { state: async () => state, onPresence: () => {} };
  const keeper = keepSwitchFacts({ configured: driver, networkManager });
  await keeper.refresh();
  return keeper.current();
}

/** An agent that does not tell its version has written it into the ledger when it started. */
async function withVersion(agent: Answer<AgentFacts>, ledger: string): Promise<Answer<AgentFacts>> {
  if (!agent.ok || agent.value.version !== undefined) return agent;
  const version = await versionOfLastStart(ledger);
  return version === undefined ? agent : { ok: true, value: { ...agent.value, version } };
}
