// Docker as the agent has it: its source, and what follows the engine's events.

import { networkInterfaces } from 'node:os';
import { factsOf } from '../../core/guest/runtimes.ts';
import type { NetmakerSection } from '../../netmaker/config-section.ts';
import type { RuntimeHost } from '../host.ts';
import { leftOutRuntime, type Runtime } from '../runtime.ts';
import type { DockerSection } from './config-section.ts';
import type { DockerConnection } from './engine.ts';
import { type DockerListen, openListening } from './listening.ts';
import type { NetmakerEndpoints } from './netmaker-endpoints.ts';
import type { DockerParts } from './parts.ts';
import { type DockerSource, dockerSource } from './source.ts';

type DockerHost = RuntimeHost<{ docker: DockerSection; netmaker: NetmakerSection }>;

export interface DockerRuntimeParts {
  engine: DockerConnection;
  machineId: string;
  /** What Netmaker's containers get; undefined when the configuration leaves them out. */
  endpoints: NetmakerEndpoints | undefined;
  /** Follows the engine's events until it is told to stop. */
  listen: DockerListen;
  /** The file that remembers the last event that was handled. */
  cursorPath: string;
}

export interface DockerRuntime extends Runtime<'docker'> {
  /** What the containers should have, one by one, and why one could not be attached. */
  containers: DockerSource;
  isConnected(): boolean;
}

export function openDockerRuntime(host: DockerHost, parts: DockerRuntimeParts): DockerRuntime {
  const containers = sourceOf(host, parts);
  const listening = openListening({ ...parts, log: host.log, onError: host.onError });
  const common = { containers, isConnected: listening.isConnected };
  if (!host.config.docker.enabled) return { ...leftOutRuntime('docker'), ...common };
  return {
    ...common,
    name: 'docker',
    describe: factsOf('docker'),
    source: containers,
    start: listening.start,
    close: listening.close,
  };
}

function sourceOf(host: DockerHost, { engine, endpoints, machineId }: DockerRuntimeParts): DockerSource {
  const { config, desiredState, vmids } = host;
  return dockerSource({
    engine,
    rules: () => ({ ...config.docker, netmaker: config.netmaker }),
    endpoints,
    onProblem: noteProblems(host),
    addressesOf: (bridge) => (networkInterfaces()[bridge] ?? []).map(({ address }) => address),
    publicBridge: config.netmaker.bridge,
    vmids,
    machineId,
    desiredGuest: desiredState.get,
    desiredGuests: desiredState.all,
    binding: desiredState.binding,
  });
}

/** A container that cannot be attached is told of where ports that are blocked are, and once in the journal. */
function noteProblems({ pendingRetries, log }: DockerHost): DockerParts['onProblem'] {
  return (name, problem) => {
    const port = `container ${name}`;
    if (problem === undefined) pendingRetries.clear(port);
    else {
      const { code, reason } = problem;
      if (pendingRetries.note({ port, bridge: '', code, reason }))
        log.warning(`${port}: ${problem.toLine()}`);
    }
  };
}
