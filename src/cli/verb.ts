// What verbs are given, and how one becomes a command of commander.

import type { Command } from 'commander';
import type { Config } from '../core/config/config.ts';
import type { PortIdentity } from '../core/guest/vmid.ts';
import type { Exec } from '../core/lib/exec.ts';
import type { ObservedBridge } from '../core/plan/observed.ts';
import type { DoctorFacts, HostFacts } from '../diagnose/doctor/facts.ts';
import type { CallAgent } from './agent-call.ts';
import type { Explained } from './inspect/port.ts';
import type { Terminal } from './terminal.ts';

export interface Context {
  terminal: Terminal;
  callAgent: CallAgent;
  /** This host's configuration. Throws `bad-config`: for verbs that act by it. */
  config: () => Promise<Config>;
  /** The same for verbs that only read: a file with an error is told on stderr and does not keep them from it. */
  readConfig: () => Promise<Config>;
  /** What is wrong with the configuration file, in one line. */
  configProblem: () => Promise<string | undefined>;
  configPath: string;
  /** Where the agent keeps its state. */
  stateDir: string;
  runtimeDir: string;
  /** Where this host's witness keeps its key and what it has seen. */
  witnessDir: string;
  /** `/etc/network`. */
  networkDir: string;
  /** The bridges that Open vSwitch has now. */
  bridges: () => Promise<ReadonlyMap<string, ObservedBridge>>;
  /** The agent's program file. */
  agentBundle: string;
  /** Starts other programs. */
  exec: Exec;
  isRoot: () => boolean;
  /** Where Proxmox's storage `local` is. */
  localStorage: string;
  /** Looks at the host itself; needs nothing to be running. */
  inspect: Inspect;
  /** For a verb that follows: aborts when the user has seen enough, instead of ending the process at once. */
  interrupted: () => AbortSignal;
  /** Takes the exit code of the verb that ran. */
  finish: (code: number) => void;
}

/** Never throws: what cannot be asked is part of the facts. */
export interface Inspect {
  doctor(): Promise<DoctorFacts>;
  host(): Promise<HostFacts>;
  port(identity: PortIdentity, host: HostFacts): Promise<Explained>;
}

/** Adds one verb, or a group of verbs, to its parent. */
export type AddVerb = (parent: Command, context: Context) => void;

/** An action that ends with an exit code. */
export function ending<Args extends unknown[]>(
  context: Context,
  run: (...args: Args) => Promise<number>,
): (...args: Args) => Promise<void> {
  return async (...args) => context.finish(await run(...args));
}

/** The text below a verb's options. */
export function examples(lines: readonly string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  ovs-port-agent ${line}`)].join('\n');
}
