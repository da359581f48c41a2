// Has the meshes of attached Netmaker containers watched, and what changes recorded.

import type { Config } from '../core/config/config.ts';
import { entryOf } from '../core/ledger/producer.ts';
import type { Ledger } from '../core/ledger/writer.ts';
import type { Exec } from '../core/lib/exec.ts';
import { MESH } from '../netmaker/ledger-actions.ts';
import { openWireGuardReader } from '../netmaker/wireguard/read-wireguard.ts';
import { type MeshWatch, startMeshWatch } from '../netmaker/wireguard/watch.ts';
import { healthOf } from '../runtimes/docker/attach.ts';
import type { DockerConnection } from '../runtimes/docker/engine.ts';
import type { Binding } from '../state/desired-state.ts';

interface MeshParts {
  config: Config;
  docker: Pick<DockerConnection, 'inspect'>;
  exec: Exec;
  ledger: Pick<Ledger, 'append'>;
  /** Of containers that have public addresses. */
  bindings: () => readonly Binding[];
  /** Tells the bus that something about a container is another now. */
  changed: (container: string, what: string) => void;
  now: () => number;
  onError: (error: unknown) => void;
}

export function meshOf(parts: MeshParts): MeshWatch {
  const { config, docker, exec, ledger, bindings, changed, now } = parts;
  const { netmaker: rules } = config;
  return startMeshWatch({
    attached: () =>
      bindings().flatMap(({ guest, id, port, veth }) =>
        id === undefined || veth === undefined ? [] : [{ container: guest, id, pid: veth.pid, port }],
      ),
    async inspect(id) {
      const container = await docker.inspect(id);
      if (container === undefined) return undefined;
      return {
        health: healthOf(container),
        restarts: container.RestartCount,
        startedAt: container.State.StartedAt,
      };
    },
    readWireGuard: openWireGuardReader(exec, now),
    async record({ action, data }) {
      await ledger.append(entryOf(MESH, { action, data }));
      changed(String(data.guest), action);
    },
    onHealth: () => undefined,
    intervalMs: rules.watch_interval * 1000,
    now,
    onError: parts.onError,
  });
}
