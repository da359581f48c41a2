// What the source of Docker containers asks of the engine, of the host and of what the agent remembers.

import type { AgentError } from '../../core/lib/errors.ts';
import type { Binding, DesiredGuest } from '../../state/desired-state.ts';
import type { Vmids } from '../../state/vmids.ts';
import type { AttachRules, DockerContainer } from './attach.ts';
import type { NetmakerEndpoints } from './netmaker-endpoints.ts';

/** The Docker engine, as far as we ask it. */
export interface DockerEngine {
  /** Undefined when there is no such container. Throws `docker-unreachable`. */
  inspect(id: string): Promise<DockerContainer | undefined>;
  /** Ids of the containers that run; one that is paused does, and has its network. */
  running(): Promise<string[]>;
  /** Ids of all containers that there are, also those that do not run. */
  existing(): Promise<string[]>;
}

export interface DockerParts {
  engine: DockerEngine;
  /** Read anew each time. */
  rules: () => AttachRules;
  vmids: Vmids;
  /** Makes MAC addresses differ between hosts. */
  machineId: string;
  desiredGuest: (key: string) => DesiredGuest | undefined;
  desiredGuests: () => readonly DesiredGuest[];
  /** What is known of a port that is usable, or was when it was last looked at. */
  binding: (port: string) => Binding | undefined;
  /** Addresses and rules for Netmaker's containers; undefined when the configuration leaves that out. */
  endpoints: NetmakerEndpoints | undefined;
  /** What keeps a container from being attached, by its name; undefined when nothing does any more. */
  onProblem: (name: string, problem: AgentError | undefined) => void;
  /** The host's own addresses on a bridge, without prefix length. */
  addressesOf: (bridge: string) => readonly string[];
  /** The bridge that their addresses are for. */
  publicBridge: string;
}

/** What a container's claim on ports goes by. */
export const keyOf = (id: string) => `docker:${id}`;
