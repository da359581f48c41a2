// Puts the Netmaker support together: what it brings the host to, what it says of it, what the bus may ask.

import { netmakerMethods } from '../api/methods/netmaker.ts';
import { AGENT_NAME, AGENT_PATH } from '../core/bus/agent-names.ts';
import { summarize } from '../netmaker/summary.ts';
import type { MeshWatch } from '../netmaker/wireguard/watch.ts';
import type { DockerSource } from '../runtimes/docker/source.ts';
import type { Netmaker } from './netmaker.ts';
import { answersOf } from './netmaker-answers.ts';
import { assembleNetmaker, type NetmakerAssembly } from './netmaker-assembly.ts';
import type { NetmakerParts } from './netmaker-host.ts';
import { meshOf } from './netmaker-mesh.ts';
import { netmakerSync } from './netmaker-sync.ts';

export async function openNetmaker(parts: NetmakerParts): Promise<Netmaker> {
  let source: DockerSource | undefined;
  let mesh: MeshWatch | undefined;
  const assembly = await assembleNetmaker(parts, () => source?.isKnown() === true);
  const { enabled, securedPorts, endpoints, publicNetwork, responder, withdrawal } = assembly;
  const changed = (container: string, what: string) =>
    parts.bus.emit(AGENT_PATH, AGENT_NAME, 'NetmakerChanged', 'ss', [container, what]);
  return {
    securedPorts,
    endpoints,
    ...netmakerSync(assembly),
    ...netmakerState(assembly),
    start(started) {
      source = started.source;
      if (enabled) mesh = meshOf({ ...assembly, changed });
      const answers = answersOf({
        ...assembly,
        problemOf: started.source.problemOf,
        isWithdrawn: () => withdrawal.isBegun,
        mesh: () => mesh,
      });
      return netmakerMethods({ ...assembly, ...answers, withdraw: () => withdrawal.run(started) });
    },
    changed,
    async close() {
      publicNetwork.close();
      await Promise.all([mesh?.close(), responder.close()]);
    },
  };
}

/** What is said of it to who asks for the health or the status of the agent. */
function netmakerState(assembly: NetmakerAssembly): Pick<Netmaker, 'withdrawn' | 'unreached' | 'summary'> {
  const { config, held, withdrawal, gateway, publicNetwork, pendingRetry } = assembly;
  return {
    withdrawn: () => (withdrawal.isBegun ? held() : 0),
    unreached: () => (withdrawal.isBegun || held() === 0 ? [] : gateway.hints()),
    summary: () =>
      summarize({
        config,
        addresses: withdrawal.isBegun ? 0 : held(),
        withdrawn: withdrawal.isBegun,
        published: publicNetwork.published().length,
        pendingRetry: pendingRetry(),
        hints: gateway.hints(),
      }),
  };
}
