// Begins to speak with a producer: has systemd run a program as a user of its own, or connects to a socket.

import { once } from 'node:events';
import { connect } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { pause } from '../../core/lib/deadline.ts';
import { AgentError } from '../../core/lib/errors.ts';
import type { Conversation } from '../../core/lib/exec.ts';
import type { Candidate } from './discover.ts';

export interface Opened {
  input: Readable;
  output: Writable;
  /** What a program says besides. */
  errors?: Readable | undefined;
  /** Has it end, whatever it does; resolves when it has, or soon after. */
  end(): Promise<void>;
}

export interface OpenParts {
  converse: (file: string, args: readonly string[], options: { hear: boolean }) => Conversation;
  /** Has systemd stop a unit, which it kills if it does not end; does not throw. */
  stopUnit: (unit: string) => Promise<void>;
}

export type OpenProducer = (candidate: Candidate) => Promise<Opened>;

const CONNECT_MS = 5000;
/** Longer than systemd gives the program. */
const GONE_MS = 4000;

export const unitOf = (name: string) => `ovs-port-agent-producer-${name}.service`;

/**
 * Neither the agent's rights nor its view: the agent itself could not give them away, since its sandbox has no setuid(2).
 * systemd ends the program with the agent, however the agent ends. Drop-ins of the unit's name add to these.
 */
const PROPERTIES = [
  'DynamicUser=yes',
  'BindsTo=ovs-port-agent.service',
  'After=ovs-port-agent.service',
  'CapabilityBoundingSet=',
  'NoNewPrivileges=yes',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'LockPersonality=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
  'LimitCORE=0',
  'MemoryMax=128M',
  'TasksMax=64',
  'CPUWeight=10',
  'TimeoutStopSec=2',
];

/** Throws `exec-failed` or the socket's error when it cannot be begun. */
export function openProducer({ converse, stopUnit }: OpenParts): OpenProducer {
  return async ({ name, path, kind }) => {
    if (kind === 'socket') return connected(path);
    const unit = unitOf(name);
    // Of an agent that was killed.
    await stopUnit(unit);
    const properties = PROPERTIES.flatMap((property) => ['--property', property]);
    const flags = ['--quiet', '--pipe', '--wait', '--collect', '--unit', unit];
    const args = [...flags, ...properties, '--', path];
    const { stdin, stdout, stderr, ended } = converse('systemd-run', args, { hear: true });
    return {
      input: stdout,
      output: stdin,
      errors: stderr,
      async end() {
        stdin.destroy();
        await stopUnit(unit);
        await Promise.race([ended, pause(GONE_MS)]);
      },
    };
  };
}

async function connected(path: string): Promise<Opened> {
  const socket = connect(path);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MS) });
  } catch (error) {
    socket.destroy();
    throw new AgentError('exec-failed', `nobody answers at ${path}`, { cause: error });
  }
  // Its reader and its writer see it.
  socket.on('error', () => undefined);
  return { input: socket, output: socket, end: async () => void socket.destroy() };
}
