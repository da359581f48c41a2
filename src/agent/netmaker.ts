// The Netmaker support as the rest of the agent has it.

import type { Method } from '../api/method.ts';
import type { SecuredPorts } from '../netmaker/port-security/secured-ports.ts';
import type { summarize } from '../netmaker/summary.ts';
import type { NetmakerEndpoints } from '../runtimes/docker/netmaker-endpoints.ts';
import type { DockerSource } from '../runtimes/docker/source.ts';
import type { WithdrawalTools } from './netmaker-withdrawal.ts';

export interface Netmaker {
  securedPorts: SecuredPorts;
  /** Undefined when the configuration leaves Netmaker out. */
  endpoints: NetmakerEndpoints | undefined;
  /** Brings the host to what the guests publish now. */
  publish(cause: () => Promise<number>, attached?: Promise<unknown>): Promise<void>;
  /** Resolves once the host is a gateway at all, for guests that are about to be attached. */
  prepare(cause: () => Promise<number>): Promise<void>;
  /** Looks at what only a look can tell: rules that are gone, containers that vanished unseen. */
  reconcile(): Promise<void>;
  /** For `status`. */
  summary(): ReturnType<typeof summarize>;
  /** How many addresses were taken back by hand, and belong to containers that wait for them. */
  withdrawn(): number;
  /** What keeps containers' addresses from being reached although the host is their gateway, one line each. */
  unreached(): readonly string[];
  /** Begins to watch and to answer; `source` is there by then. */
  start(parts: StartParts): Method[];
  /** Tells the bus that something about a container's port is another now. */
  changed(container: string, what: string): void;
  close(): Promise<void>;
}

interface StartParts extends WithdrawalTools {
  source: DockerSource;
}
