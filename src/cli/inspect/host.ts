// Gathers what `doctor` and `explain` look at. Every source is asked by itself and at the same time, and may be absent.

import { join } from 'node:path';
import type { Config } from '../../core/config/config.ts';
import { loadConfig } from '../../core/config/load.ts';
import { defaultConfig } from '../../core/config/parse-config.ts';
import { hasKernelDatapath } from '../../core/kernel/links.ts';
import { HEAD_FILE } from '../../core/ledger/index.ts';
import { type Answer, answered, attempt } from '../../core/lib/answer.ts';
import { type NetworkManagerState, NO_NETWORKMANAGER } from '../../core/networkmanager/networkmanager.ts';
import type { SwitchFacts } from '../../core/plan/driver-choice.ts';
import { lookAtRuntimes } from '../../diagnose/ask-runtimes.ts';
import type { AgentFacts, ConfigFacts, DoctorFacts, HostFacts } from '../../diagnose/doctor/facts.ts';
import { keepSwitchFacts } from '../../reconcile/switch-facts.ts';
import { runningContainers } from '../../runtimes/lxc/look.ts';
import { lookAtProxmox } from '../../runtimes/proxmox/look.ts';
import type { CallAgent } from '../agent-call.ts';
import type { Terminal } from '../terminal.ts';
import { askAgent, readBus } from './bus.ts';
import {
  exists,
  hasLease,
  readBindings,
  readBootId,
  readDeclared,
  readLinks,
  readSpool,
  readState,
} from './files.ts';
import { verifyChain, versionOfLastStart } from './ledger.ts';
import { findVswitchd, readSwitch } from './switch.ts';

const OVS_RUN = '/run/openvswitch';
const POLICY = '/usr/share/dbus-1/system.d/dev.ovs.PortAgent1.conf';
const ENABLED = '/etc/systemd/system/multi-user.target.wants/ovs-port-agent.service';
const CONFIG_MS = 5000;

export interface InspectParts {
  terminal: Terminal;
  callAgent: CallAgent;
  version: string;
  stateDir: string;
  runtimeDir: string;
}

export async function inspectHost(parts: InspectParts): Promise<HostFacts> {
  const config: Answer<ConfigFacts> = await attempt('the configuration', CONFIG_MS, () => loadConfig());
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
      lookAtProxmox(inForce.proxmox.root),
      readBootId(),
      hasKernelDatapath().catch(() => false),
      runningContainers(inForce.lxc.root),
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

export async function inspectForDoctor(parts: InspectParts): Promise<DoctorFacts> {
  const host = await inspectHost(parts);
  const { ledger } = host.inForce;
  const { terminal, stateDir } = parts;
  const [looks, hasBusPolicy, isEnabled, leased, spool, chain, state] = await Promise.all([
    lookAtRuntimes(host, { stateDir }),
    exists(POLICY),
    exists(ENABLED),
    hasLease(join(stateDir, 'leases.json')),
    readSpool(join(stateDir, 'spool'), terminal.now().getTime()),
    verifyChain(ledger.path, join(stateDir, HEAD_FILE), terminal),
    readState(stateDir),
  ]);
  return {
    ...host,
    looks,
    hasBusPolicy,
    isEnabled,
    hasNetmakerLease: leased,
    spool,
    ledger: chain,
    state,
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
