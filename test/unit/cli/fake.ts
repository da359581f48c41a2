// A command line whose terminal is two lists and whose agent is a function.

import type { Command } from 'commander';
import type { AgentCall } from '../../../src/cli/agent-call.ts';
import { inspectPort } from '../../../src/cli/inspect/port.ts';
import { commandTree, runProgram } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import type { Context } from '../../../src/cli/verb.ts';
import { parseConfig } from '../../../src/core/config/parse-config.ts';
import type { HashedBlock } from '../../../src/core/ledger/index.ts';
import type { Exec } from '../../../src/core/lib/exec.ts';
import type { ObservedBridge } from '../../../src/core/plan/observed.ts';
import type { DoctorFacts } from '../../../src/diagnose/doctor/facts.ts';

export const NOW = new Date(2026, 10, 23, 9, 30, 40);

/** An instant today, in local time, as the agent would write it. */
export function today(hours: number, minutes: number, seconds: number): string {
  return new Date(2026, 10, 23, hours, minutes, seconds).toISOString();
}

export interface Outcome {
  code: number;
  out: string[];
  err: string[];
  calls: AgentCall[];
}

export interface Setting {
  /** Answers by method; an error is thrown, a function is called with the arguments. */
  agent?: Record<string, unknown>;
  ledger?: string;
  stateDir?: string;
  runtimeDir?: string;
  witnessDir?: string;
  /** Lines of the section of that name. */
  proxmox?: string;
  exec?: Exec;
  isRoot?: boolean;
  localStorage?: string;
  /** What a look at the host finds. */
  facts?: DoctorFacts;
  networkDir?: string;
  /** Bridges that Open vSwitch has. */
  bridges?: ObservedBridge[];
  /** What is wrong with the configuration file. */
  configProblem?: string;
  configPath?: string;
  /** Columns of a terminal. */
  width?: number;
}

export async function cli(
  argv: string[],
  {
    agent = {},
    ledger,
    stateDir = '/nowhere',
    runtimeDir = '/nowhere',
    witnessDir = '/nowhere',
    proxmox = 'enabled = false',
    exec = () => Promise.reject(new Error('nothing is to be run')),
    isRoot = true,
    localStorage = '/nowhere',
    facts,
    networkDir = '/nowhere',
    bridges = [],
    configProblem,
    configPath = '/nowhere/config.toml',
    width,
  }: Setting = {},
): Promise<Outcome> {
  const config = async () => {
    const file = ledger === undefined ? '' : `[ledger]\npath = ${JSON.stringify(ledger)}\n`;
    return parseConfig(`${file}[proxmox]\n${proxmox}\n`, 'config.toml').config;
  };
  const [out, err, calls]: [string[], string[], AgentCall[]] = [[], [], []];
  const code = await runProgram(argv, '1.2.3', {
    screen: { ...fakeTerminal(out, err), width, page: () => undefined, end: async () => undefined },
    env: {},
    callAgent: async (call) => {
      calls.push(call);
      const answer = agent[call.member];
      if (answer instanceof Error) throw answer;
      if (typeof answer === 'function') return [await answer(...(call.body ?? []))];
      return [answer];
    },
    config,
    readConfig: config,
    configProblem: async () => configProblem,
    configPath,
    stateDir,
    runtimeDir,
    witnessDir,
    inspect: {
      doctor: async () => given(facts),
      host: async () => given(facts),
      port: inspectPort,
    },
    agentBundle: '/nowhere/agent.cjs',
    exec,
    isRoot: () => isRoot,
    localStorage,
    networkDir,
    bridges: async () => new Map(bridges.map((each) => [each.name, each])),
    interrupted: () => AbortSignal.abort(),
  });
  return { code, out, err, calls };
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('this test gave no facts');
  return value;
}

export function fakeTerminal(out: string[], err: string[], errIsTty = false): Terminal {
  return {
    out: (line) => void out.push(...line.split('\n')),
    err: (line) => void err.push(line),
    errRaw: (text) => void err.push(text),
    errIsTty,
    isTty: false,
    width: undefined,
    clear: () => undefined,
    now: () => NOW,
  };
}

export function block(more: Partial<HashedBlock> = {}): HashedBlock {
  return {
    action: 'port_attached',
    boot_id: 'boot-1',
    category: 'port',
    cause: null,
    data: {},
    height: 42,
    hostname: 'pve1',
    metadata: {},
    pid: 812,
    prev_hash: 'a'.repeat(64),
    producer: 'network',
    timestamp: today(9, 30, 32),
    user: 'root',
    version: 1,
    hash: 'b'.repeat(64),
    ...more,
  };
}

/** Every verb and group by its words; the empty text is the program itself. */
export function verbPaths(): string[] {
  const walk = (command: Command, path: string[]): string[] => [
    path.join(' '),
    ...command.commands.flatMap((inner) => walk(inner, [...path, inner.name()])),
  ];
  return walk(tree(), []);
}

/** The command tree, with nothing behind it. */
export function tree(): Command {
  return commandTree('1.2.3', {} as Context);
}
