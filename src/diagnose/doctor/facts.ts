// What `doctor` and `explain` look at: one snapshot of the host, each source with its answer or the lack of one.

import type { Config } from '../../core/config/config.ts';
import type { GuestRuntime } from '../../core/guest/guest.ts';
import type { LinkState } from '../../core/kernel/links.ts';
import type { EvidenceResult } from '../../core/ledger/checkpoint/verify-evidence.ts';
import type { Answer } from '../../core/lib/answer.ts';
import type { NetworkManagerState, StoredProfile } from '../../core/networkmanager/networkmanager.ts';
import type { SwitchFacts } from '../../core/plan/driver-choice.ts';
import type { ObservedBridge, ObservedPort } from '../../core/plan/observed.ts';
import type { RunningContainers } from '../../runtimes/lxc/look.ts';
import type { ProxmoxFacts } from '../../runtimes/proxmox/look.ts';
import type { RuntimeLooks } from '../runtimes.ts';
import type { Stanza } from './interfaces-file.ts';

/** What OVSDB holds at one moment. */
export interface SwitchSnapshot {
  version?: string;
  datapathTypes: readonly string[];
  /** Changes that were asked for, and how many of them ovs-vswitchd has carried out (ovs-vswitchd.conf.db(5)). */
  nextCfg?: number;
  curCfg?: number;
  bridges: readonly ObservedBridge[];
  ports: readonly ObservedPort[];
}

export interface NetworkManagerFacts {
  state: NetworkManagerState;
  profiles: Answer<readonly StoredProfile[]>;
}

/** A binding file of the agent, as far as it is told. */
export interface BindingFacts {
  port: string;
  interface: string;
  bridge: string;
  nic: number;
  vmid: number;
  runtime: GuestRuntime;
  guest: string;
  id?: string;
  vlan?: { tag?: number; trunks: readonly number[]; mode?: string };
  /** RFC 3339; absent while the port is asked for and not usable. */
  since?: string;
  driver?: string;
}

export interface WaitingFacts {
  port: string;
  bridge?: string;
  code: string;
  reason: string;
}

/** The agent's own answer. */
export interface AgentFacts {
  version?: string;
  pid?: number;
  ready: boolean;
  obstacle?: string;
  waiting: readonly WaitingFacts[];
  /** Why Proxmox's changes of running containers are not seen in time. */
  locksProblem?: string;
  /** What the agent finds wrong with host, bridges and ports, see src/diagnose/health.ts. */
  health?: readonly HealthFacts[];
}

export interface HealthFacts {
  name: string;
  fault: string;
  text: string;
  remedy: string;
  degraded: boolean;
}

export interface SpoolFacts {
  files: number;
  /** Milliseconds since the oldest event was left there. */
  oldestMs?: number;
}

export interface LedgerFacts {
  path: string;
  result: EvidenceResult;
}

export interface StateFacts {
  path: string;
  /** Why nothing can be written there. */
  readOnly?: string;
  /** Bytes. */
  free: number;
  size: number;
}

export interface ConfigFacts {
  path: string;
  found: boolean;
  config: Config;
  warnings: readonly string[];
}

/** What both verbs look at. */
export interface HostFacts {
  /** Of the command line that asks. */
  version: string;
  isRoot: boolean;
  /** `v20.19.2`. */
  node: string;
  bootId: string;
  config: Answer<ConfigFacts>;
  /** The configuration in force: the defaults, while the file cannot be read. */
  inForce: Config;
  bus: Answer<true>;
  agent: Answer<AgentFacts>;
  ovsdb: Answer<SwitchSnapshot>;
  /** What ovs-vswitchd says when it is asked for its version. */
  vswitchd: Answer<string>;
  hasKernelDatapath: boolean;
  networkManager: Answer<NetworkManagerFacts>;
  links: ReadonlyMap<string, LinkState>;
  /** What the choice of a driver for a bridge depends on. */
  choice: SwitchFacts;
  /** The `iface` stanzas of /etc/network/interfaces. */
  declared: Answer<ReadonlyMap<string, Stanza>>;
  bindings: readonly BindingFacts[];
  proxmox: ProxmoxFacts;
  lxcRunning: Answer<RunningContainers>;
}

/** What `doctor` looks at besides. */
export interface DoctorFacts extends HostFacts {
  hasBusPolicy: boolean;
  isEnabled: boolean;
  /** What each runtime asked for itself. */
  looks: RuntimeLooks;
  /** Whether a container has an address of a pool. */
  hasNetmakerLease: boolean;
  spool: Answer<SpoolFacts>;
  ledger: Answer<LedgerFacts> | undefined;
  state: Answer<StateFacts>;
}
